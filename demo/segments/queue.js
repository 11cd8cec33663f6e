// The engine on BullMQ: a flow of jobs in Redis, whose workers are processes that anything may happen to.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { FlowProducer, Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { connect } from './redis.js';
import { openStore } from './store.js';

const script = fileURLToPath(new URL('process.js', import.meta.url));

/** A flow's job; where one fails, so does what waits for it. */
const flowJob = (queueName, settings, job, children) => ({ name: job?.kind ?? 'end', queueName, data: { settings, job }, children, opts: { failParentOnFailure: true } });

/** The jobs of a stage as one flow: the end waits for all that nothing else waits for. */
function flowOf(queueName, settings, jobs) {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const inside = ({ needs }) => needs.filter((name) => byName.has(name));
  const needed = new Set(jobs.flatMap(inside));
  const build = (job) => flowJob(queueName, settings, job, inside(job).map((name) => build(byName.get(name))));
  return flowJob(queueName, settings, null, jobs.filter(({ name }) => !needed.has(name)).map(build));
}

/** The figures of INFO that are asked for here. */
async function readInfo(redis) {
  const text = await redis.info();
  const figure = (name) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)[1]);
  return {
    cpu: figure('used_cpu_sys') + figure('used_cpu_user'),
    bytes: figure('total_net_input_bytes') + figure('total_net_output_bytes'),
  };
}

/** Throws where no Redis answers. */
export const checkRedis = async (url) => (await connect(Redis, url)).disconnect();

/** Jobs on `count` processes by the Redis at `url`: as openWorkers. */
export async function openQueue({ url, count, settings, onStart }) {
  const run = `segments-${randomBytes(4).toString('hex')}`;
  const redis = await connect(Redis, url);
  const connection = redis.duplicate();
  const [queue, flows, events] = [new Queue(run, { connection }), new FlowProducer({ connection }), new QueueEvents(run, { connection })];
  const store = openStore(redis, run);
  const children = new Set();
  let fail;
  const failure = new Promise((_, reject) => (fail = reject));
  failure.catch(() => {});
  events.on('failed', ({ failedReason }) => fail(new Error(`A job failed: ${failedReason}`)));
  for (const one of [queue, flows, events]) one.on('error', fail);

  /** Starts a process, and another where it was killed. */
  const open = () => new Promise((resolve) => {
    const child = fork(script, [url, run]);
    children.add(child);
    let isKilled = false;
    const kill = () => {
      isKilled = true;
      child.kill('SIGKILL');
    };
    child.on('message', ({ ready, started }) => (ready ? resolve() : onStart(started, kill)));
    child.on('exit', (code, signal) => {
      if (!children.delete(child)) return;
      if (isKilled) open();
      else fail(new Error(`A worker process ended by itself: ${signal ?? `code ${code}`}`));
    });
  });

  const close = async () => {
    const ending = [...children].map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of children) child.kill();
    children.clear();
    await Promise.all(ending);
    await queue.obliterate({ force: true });
    await store.remove();
    await Promise.all([queue.close(), flows.close(), events.close()]);
    connection.disconnect();
    redis.disconnect();
  };

  try {
    await events.waitUntilReady();
    await Promise.race([Promise.all(Array.from({ length: count }, open)), failure]);
  } catch (error) {
    await close();
    throw error;
  }
  const before = await readInfo(redis);
  return {
    runStage: async (jobs) => {
      const { job } = await flows.add(flowOf(run, settings, jobs));
      await Promise.race([job.waitUntilFinished(events), failure]);
    },
    report: async (names) => {
      const after = await readInfo(redis);
      const [log, found] = [await store.readLog(), await store.read(names)];
      return { log, results: new Map(names.map((name, n) => [name, found[n]])), redis: { cpuMs: 1000 * (after.cpu - before.cpu), bytes: after.bytes - before.bytes } };
    },
    close,
  };
}
