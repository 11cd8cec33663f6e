// A process that carries out the jobs of a run of npm run segments: node process.js URL RUN.
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { createAttention } from '../../web/index.js';
import { perform, warmUp } from './jobs.js';
import { connect } from './redis.js';
import { openStore } from './store.js';

/** A job whose process is gone is given to another once its lock is that old and two checks have seen it. */
const stalling = { lockDuration: 4000, stalledInterval: 1000, maxStalledCount: 10 };

const [url, run] = process.argv.slice(2);
const redis = await connect(Redis, url);
const store = openStore(redis, run);
const attention = await createAttention();
await warmUp(attention);

async function carryOut({ data: { settings, job } }) {
  if (job === null) return; // the end of a stage
  process.send?.({ started: job });
  const saved = await store.read(job.needs);
  const started = performance.now();
  const bytes = await perform(attention, settings, job, saved);
  const ms = performance.now() - started;
  const moved = saved.reduce((sum, one) => sum + one.length, bytes.length);
  await store.write(job.name, bytes, { name: job.name, kind: job.kind, ms, moved });
}

const worker = new Worker(run, carryOut, { connection: new Redis(url, { maxRetriesPerRequest: null }), ...stalling });
// Of a job that it was too late for: another process has it.
worker.on('error', ({ message }) => process.stderr.write(`worker ${process.pid}: ${message}\n`));
await worker.waitUntilReady();
process.send?.({ ready: true });
process.once('disconnect', () => process.exit());
