import { create } from './create.js';

export { AttentionError } from './errors.js';
export { version } from './version.js';

/** The modules that lie beside this file, each spelled out for bundlers to find. */
const packaged = {
  simd: () => new URL('./dist/simd.wasm', import.meta.url),
  relaxed: () => new URL('./dist/relaxed.wasm', import.meta.url),
  'simd-threads': () => new URL('./dist/simd-threads.wasm', import.meta.url),
  'relaxed-threads': () => new URL('./dist/relaxed-threads.wasm', import.meta.url),
};

export function createAttention(options) {
  return create(options, packaged);
}
