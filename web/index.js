import { create } from './create.js';

export { AttentionError } from './errors.js';
export { version } from './version.js';

/** Loads the wasm module that lies beside this file. */
export function createAttention(options) {
  return create(options, () => new URL('./dist/simd.wasm', import.meta.url));
}
