import { create } from './create.js';
import base64 from './dist/inline-simd.js';

export { AttentionError } from './core/errors.js';
export { version } from './core/version.js';

const packaged = { simd: () => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)) };

/** The same library with the simd build inside the script, for bundlers and pages that cannot serve a second file. */
export function createAttention(options) {
  return create(options, packaged);
}
