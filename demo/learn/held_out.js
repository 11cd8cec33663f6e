// The held-out digits that maps are judged by, never taught with: each a class and its grey levels, one byte each.
import { readFileSync } from 'node:fs';

/** Every fifth of them is measured head by head; all of them give the bits. */
export const ERROR_EVERY = 5;

/** Sequences of tokens [class, pixel 0, pixel 1 …] of `length` pixels. */
export function readHeldOut(length) {
  const bytes = readFileSync(new URL('../models/heldout.u8', import.meta.url));
  const size = length + 1;
  if (bytes.length % size !== 0) throw new Error(`heldout.u8 must hold digits of ${size} bytes, got ${bytes.length} bytes`);
  return Array.from({ length: bytes.length / size }, (_, n) => Int32Array.from(bytes.subarray(n * size, (n + 1) * size)));
}
