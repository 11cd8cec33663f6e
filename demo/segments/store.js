// Results of a run in Redis: each is written once, whoever comes second.

/** Redis does both or neither, so that whoever is killed has not written, or has written and said so. */
const WRITE_ONCE = `if redis.call('hsetnx', KEYS[1], ARGV[1], ARGV[2]) == 1 then
  return redis.call('rpush', KEYS[2], ARGV[3])
end
return 0`;

/** The results of the run of this name by a connection of ioredis. */
export function openStore(redis, run) {
  const [results, log] = [`${run}:results`, `${run}:log`];
  redis.defineCommand('writeOnce', { numberOfKeys: 2, lua: WRITE_ONCE });
  return {
    /** Results by their names, in that order. */
    read: (names) => (names.length === 0 ? [] : redis.hmgetBuffer(results, ...names)),
    /** Keeps a result and what is to be said of it, unless it is there. */
    write: (name, bytes, entry) => redis.writeOnce(results, log, name, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), JSON.stringify(entry)),
    readLog: async () => (await redis.lrange(log, 0, -1)).map((entry) => JSON.parse(entry)),
    remove: () => redis.del(results, log),
  };
}
