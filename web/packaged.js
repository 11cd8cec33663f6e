/**
 * What lies beside this file, each spelled out for bundlers to find. All of it is in dist/, so that whoever bundles
 * without a plugin has one folder to copy beside the bundle.
 */
export { openThread } from './open_thread.js';

/** Where the modules are, by build and with '-threads' behind it. */
export const packaged = {
  simd: () => new URL('./dist/simd.wasm', import.meta.url),
  relaxed: () => new URL('./dist/relaxed.wasm', import.meta.url),
  'simd-threads': () => new URL('./dist/simd-threads.wasm', import.meta.url),
  'relaxed-threads': () => new URL('./dist/relaxed-threads.wasm', import.meta.url),
};
