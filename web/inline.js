import { create } from './create.js';
import base64 from './dist/inline-simd.js';

export { AttentionError } from './core/errors.js';
export { version } from './core/version.js';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The bytes of base64 text; by hand, for worklets have no atob. */
function decode(text) {
  const values = new Uint8Array(128);
  for (let i = 0; i < 64; i++) values[DIGITS.charCodeAt(i)] = i;
  const bytes = new Uint8Array((text.length >> 2) * 3);
  for (let i = 0, n = 0; i < text.length; i += 4) {
    let bits = 0;
    for (let j = i; j < i + 4; j++) bits = (bits << 6) | values[text.charCodeAt(j)];
    bytes[n++] = bits >> 16;
    bytes[n++] = bits >> 8;
    bytes[n++] = bits;
  }
  return bytes.subarray(0, bytes.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0));
}

const packaged = { simd: () => decode(base64) };

/** The same library with the simd build inside the script, for bundlers and pages that cannot serve a second file. */
export function createAttention(options) {
  return create(options, packaged);
}
