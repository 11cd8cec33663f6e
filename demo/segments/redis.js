// The Redis of npm run segments: one that is there, or its own for as long as it runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const REMEDY = 'Install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), name one that runs with --redis redis://host:port, or do without it: --engine workers';

/** A port that nobody listens on. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Every write goes to a file before long, as a queue wants it; nothing is reached from outside. */
const configuration = (port, folder) => `bind 127.0.0.1
port ${port}
dir ${folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
`;

/** A connection, once it answers, or an error that says where nothing does; `Redis`: the class of ioredis. */
export async function connect(Redis, url) {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => null });
  let reason = 'it closed the connection';
  client.on('error', ({ message }) => (reason = message));
  try {
    await client.connect();
    await client.ping();
    return client;
  } catch (error) {
    client.disconnect();
    throw new Error(`No Redis answers at ${new URL(url).host}: ${error.message === 'Connection is closed.' ? reason : error.message}`);
  }
}

/** Starts a redis-server of its own on a free port, in a folder that goes with it: { url, stop() }. */
export async function startRedis() {
  const folder = await mkdtemp(join(tmpdir(), 'segments-'));
  const port = await freePort();
  await writeFile(join(folder, 'redis.conf'), configuration(port, folder));
  const server = spawn('redis-server', [join(folder, 'redis.conf')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const failure = await new Promise((resolve) => {
    server.once('error', ({ code, message }) => resolve(code === 'ENOENT' ? `redis-server is not on PATH. ${REMEDY}` : message));
    server.once('exit', (code) => resolve(`redis-server ended with code ${code}:\n${said}`));
    server.stdout.on('data', (text) => /Ready to accept connections/.test((said += text)) && resolve(null));
  });
  const stop = async () => {
    if (server.pid && server.exitCode === null && server.kill()) await once(server, 'exit');
    await rm(folder, { recursive: true, force: true });
  };
  if (failure === null) return { url: `redis://127.0.0.1:${port}`, stop };
  await stop();
  throw new Error(failure);
}
