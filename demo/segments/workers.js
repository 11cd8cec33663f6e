// The engine without a queue: jobs on Web Workers, here and in a page; results travel as messages.
import { openWorker } from '../../web/threads/open.js';

function openThread() {
  const here = import.meta.url;
  return openWorker(
    (NodeWorker) => new NodeWorker(new URL('./thread.js', here)),
    () => new Worker(new URL('./thread.js', import.meta.url), { type: 'module', name: 'segments' }),
  );
}

/**
 * Jobs on `count` Workers: { runStage(jobs), report(names of results), close() }. `onStart(job, kill)` hears of each job that is begun, and may
 * kill the Worker that has begun it.
 */
export async function openWorkers({ count, settings, onStart }) {
  const results = new Map();
  const log = [];
  const threads = new Set();
  const idle = [];
  let [waiting, left] = [[], 0];
  let [resolveStage, fail] = [];

  /** Opens a Worker, which then waits for a job. */
  const open = () => new Promise((resolve, reject) => {
    const thread = openThread();
    threads.add(thread);
    const given = {};
    thread.onEnd((reason) => {
      if (!threads.has(thread)) return;
      const error = new Error(`A Worker ended by itself: ${reason}`);
      reject(error);
      fail?.(error);
    });
    thread.addEventListener('message', ({ data }) => {
      if (!threads.has(thread)) return;
      if (data.started) return onStart(given.job, () => kill(thread, given.job));
      if (data.error) return fail(new Error(`Job ${given.job.name} failed: ${data.error}`));
      if (data.bytes) finish(given, data);
      idle.push({ thread, given });
      resolve();
      feed();
    });
  });

  function finish({ job, saved }, { bytes, ms }) {
    results.set(job.name, bytes);
    log.push({ name: job.name, kind: job.kind, ms, moved: saved.reduce((sum, one) => sum + one.length, bytes.length) });
    if (--left === 0) resolveStage();
  }

  /** Ends a Worker in the middle of its job, which goes back, and opens another in its place. */
  function kill(thread, job) {
    threads.delete(thread);
    thread.terminate();
    waiting.push(job);
    open().catch(fail);
  }

  /** Gives Workers that wait the first jobs for which all is there. */
  function feed() {
    for (let at; idle.length > 0 && (at = waiting.findIndex(({ needs }) => needs.every((name) => results.has(name)))) >= 0; ) {
      const [job] = waiting.splice(at, 1);
      const { thread, given } = idle.shift();
      const saved = job.needs.map((name) => results.get(name));
      Object.assign(given, { job, saved });
      thread.postMessage({ settings, job, saved });
    }
  }

  const close = async () => {
    const ending = [...threads];
    threads.clear();
    for (const thread of ending) thread.terminate();
  };
  try {
    await Promise.all(Array.from({ length: count }, open));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    /** Carries out the jobs of one stage, each once what it needs is there. */
    runStage: (jobs) => new Promise((resolve, reject) => {
      [waiting, left, resolveStage, fail] = [[...jobs], jobs.length, resolve, reject];
      feed();
    }),
    report: async () => ({ log, results }),
    close,
  };
}
