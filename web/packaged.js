/**
 * What lies beside this file, each spelled out for bundlers to find. All of it is in dist/, so that whoever bundles
 * without a plugin has one folder to copy beside the bundle.
 */
import { openWorker } from './threads/open.js';

/** Where the modules are, by build and with '-threads' behind it. */
export const packaged = {
  simd: () => new URL('./dist/simd.wasm', import.meta.url),
  relaxed: () => new URL('./dist/relaxed.wasm', import.meta.url),
  'simd-threads': () => new URL('./dist/simd-threads.wasm', import.meta.url),
  'relaxed-threads': () => new URL('./dist/relaxed-threads.wasm', import.meta.url),
};

/** A worker of the pool, which keeps no program alive once it has said that it is ready. */
export function openThread() {
  const here = import.meta.url;
  const worker = openWorker(
    (NodeWorker) => new NodeWorker(new URL('./dist/thread.js', here)),
    () => new Worker(new URL('./dist/thread.js', import.meta.url), { type: 'module', name: 'linear-attention-wasm-thread' }),
  );
  worker.addEventListener('message', () => worker.unref());
  return worker;
}
