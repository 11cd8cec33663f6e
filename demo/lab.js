// The page's side of the worker: tasks one at a time, the more urgent figure first,
// so that no measurement runs beside another.
import * as Comlink from 'comlink';

/** Lower is sooner: what answers a control comes before long sweeps. */
export const priorities = { living: 0, headline: 1, machine: 2, kernel: 2, weights: 2, race: 3, gap: 4, lessons: 5, remedy: 5, convert: 5, memory: 6, features: 7, time: 8, stream: 9, digits: 10 };

/**
 * @returns {{ ready: Promise<object>, download(names: string[], onProgress?): Promise<void>, run(priority: number, method: string, ...args): Promise<any>,
 *   describeMaps(file: Uint8Array): Promise<object>,
 *   bench(name: string, options: object, use: (bench: object) => AsyncIterable<object>): AsyncIterable<object> }}
 *   ready: what the library runs on
 */
export function createLab() {
  const thread = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const remote = Comlink.wrap(thread);
  const waiting = [];
  let busy = false;
  let benches = 0;

  const next = async () => {
    if (busy || waiting.length === 0) return;
    busy = true;
    const first = waiting.reduce((best, task, i) => (task.priority < waiting[best].priority ? i : best), 0);
    const [{ method, args, resolve, reject }] = waiting.splice(first, 1);
    try {
      resolve(await remote[method](...args));
    } catch (error) {
      reject(error);
    }
    busy = false;
    next();
  };
  const run = (priority, method, ...args) =>
    new Promise((resolve, reject) => {
      waiting.push({ priority, method, args, resolve, reject });
      next();
    });

  const crashed = new Promise((_, reject) => {
    thread.addEventListener('error', (event) => reject(new Error(event.message || 'the worker could not be loaded')));
  });

  return {
    ready: Promise.race([run(-1, 'start'), crashed]),
    run,
    /** Fetches models of the digits, beside whatever runs. `onProgress(loaded, total)` in bytes. */
    download: (names, onProgress = () => {}) => remote.download(names, Comlink.proxy(onProgress)),
    /** What a file of learned maps holds, looked at beside whatever runs. */
    describeMaps: (file) => remote.describeMaps(file),
    /** A bench in the worker as an object of promises, closed when `use` is done with it. */
    async *bench(name, options, use) {
      const id = ++benches;
      const priority = priorities[name];
      await run(priority, 'openBench', id, name, options);
      try {
        const call = (method) => [method, (argument) => run(priority, 'bench', id, method, argument)];
        yield* use({
          ...Object.fromEntries(['advance', 'warmUp', 'time', 'measure', 'paint', 'load'].map(call)),
          learn: (onProgress) => run(priority, 'bench', id, 'learn', Comlink.proxy(onProgress)),
          /** Beside whatever runs: it is for the call under way. */
          cancel: () => remote.bench(id, 'cancel'),
        });
      } finally {
        run(priority, 'closeBench', id);
      }
    },
  };
}
