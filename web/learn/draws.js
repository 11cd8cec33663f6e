/** What distill draws from its seed; the same in every engine and build. */
import { Frame, checkStatus } from '../core/core.js';
import { newFloats } from '../core/arrays.js';

/** A seed has 53 bits; streams of it are told apart above them. */
const STREAM_BITS = 21;

/**
 * Standard normal numbers, [heads, columns, dim], of one stream of a seed: those of random feature maps.
 * @param {number} stream from 1 to 2047
 */
export function normals(core, seed, stream, [heads, columns, dim]) {
  const data = newFloats(heads * columns * dim);
  const frame = new Frame(core);
  try {
    const pointer = frame.alloc(data.length * 4);
    const high = Math.floor(seed / 2 ** 32) + stream * 2 ** STREAM_BITS;
    checkStatus('la_random_features', core.exports.la_random_features(seed % 2 ** 32, high, heads, columns, dim, 0, pointer));
    data.set(core.floatsAt(pointer, data.length));
  } finally {
    frame.release();
  }
  return data;
}

/** `below(count)` draws integers from 0 to count − 1: a counter through the finaliser of MurmurHash3 (Appleby). */
export function integersFrom(seed) {
  let counter = (seed % 2 ** 32) ^ Math.imul(Math.floor(seed / 2 ** 32) + 1, 0x9e3779b1);
  return (count) => {
    counter = (counter + 0x9e3779b9) | 0;
    let x = counter;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x = (x ^ (x >>> 16)) >>> 0;
    return Math.floor((x / 2 ** 32) * count);
  };
}
