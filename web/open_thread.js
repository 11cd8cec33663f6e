import { openWorker } from './threads/open.js';

/** A worker of the pool, which keeps no program alive once it has said that it is ready. Its script is in dist/, beside the modules. */
export function openThread() {
  const here = import.meta.url;
  const worker = openWorker(
    (NodeWorker) => new NodeWorker(new URL('./dist/thread.js', here)),
    () => new Worker(new URL('./dist/thread.js', import.meta.url), { type: 'module', name: 'linear-attention-wasm-thread' }),
  );
  worker.addEventListener('message', () => worker.unref());
  return worker;
}
