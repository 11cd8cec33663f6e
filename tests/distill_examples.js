/** What the tests of distill share: an instance, and examples of small heads, of which some have a thing to learn. */
import assert from 'node:assert';
import { createAttention } from '../web/learn.js';
import { normals, tensorOf } from './util.js';

export const [heads, length, dim] = [2, 48, 8];

/** Runs a suite on one instance, which `take` gets, and which every test leaves with as much memory as it found. */
export function onOneInstance(test, take) {
  let attention;
  let before;
  test.before(async () => take((attention = await createAttention({ build: 'simd' }))));
  test.before.each(() => (before = attention.memory));
  test.after.each(() => assert.equal(attention.memory, before, 'memory is left'));
  test.after(() => attention.dispose());
}

/** Normal numbers of some size. */
export function random(seed, size = 1, shape = [heads, length, dim]) {
  const next = normals(seed);
  return tensorOf(shape, () => size * next());
}

/** Heads that look back at tokens of the same kind, of which there are few: a thing that a map can learn. */
export function alike(seed) {
  const [q, k, v] = [random(seed, 0.3), random(seed + 1, 0.3), random(seed + 2)];
  const next = normals(seed + 3);
  for (let token = 0; token < heads * length; token++) {
    const kind = Math.floor(Math.abs(next()) * 97) % 5;
    for (const { data } of [q, k]) data[token * dim + kind] += 3;
  }
  return { q, k, v };
}

export const independent = (seed, size = 1) => ({ q: random(seed, size), k: random(seed + 1, size), v: random(seed + 2) });
export const several = (make, first, count = 6) => Array.from({ length: count }, (_, n) => make(first + 10 * n));
export const mean = (values) => values.reduce((a, b) => a + b) / values.length;
