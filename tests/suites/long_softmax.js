/** softmax() over many keys, which may repeat: its sums must not drift, from whole arrays and from a cache. */
import * as oracle from '../oracle.js';
import { assertClose } from '../tolerance.js';
import { normals, sliceTime } from '../util.js';
import { attentionSuite } from './harness.js';

/** As a power of two. A million keys: `LONGEST=20 npm test -- simd "long softmax"`. */
const LONGEST = 2 ** Number(process.env.LONGEST ?? 17);
/** The builds beside the first go far enough to show a sum that drifts. */
const SHORTER = 2 ** 12;

const dim = 8;
const valueDim = 12;

/** Rows that repeat after `period` tokens (0: never), with noise around the first of them. */
const kinds = {
  constant: { period: 1 },
  'cycle of 2': { period: 2 },
  'cycle of 7': { period: 7 },
  'noise 1e-3': { period: 1, noise: 1e-3 },
  'noise 1e-2': { period: 1, noise: 1e-2 },
  random: { period: 0 },
};

function tokens(kind, length, width, seed) {
  const { period, noise = 0 } = kinds[kind];
  const normal = normals(seed);
  const data = new Float32Array(length * width);
  for (let t = 0; t < length; t++) {
    for (let c = 0; c < width; c++) {
      const base = period === 0 || t < period ? normal() : data[(t % period) * width + c];
      data[t * width + c] = t > 0 && noise ? base + noise * normal() : base;
    }
  }
  return { data, shape: [1, 1, length, width] };
}

const inputsOf = (kind, length, queries) => ({
  q: tokens('random', queries, dim, 1),
  k: tokens(kind, length, dim, 2),
  v: tokens(kind, length, valueDim, 3),
});

export function longSoftmax(name, make) {
  const test = attentionSuite(name, make);
  const longestFor = (attention) => (attention.build === 'simd' && attention.threads === 1 ? LONGEST : SHORTER) + 37;

  for (const kind of Object.keys(kinds)) {
    for (const queries of [1, 9]) {
      test(`${kind}: ${queries} of many keys`, (attention) => {
        const { q, k, v } = inputsOf(kind, longestFor(attention), queries);
        const expected = oracle.softmax(q, k, v);
        assertClose(attention.softmax(q, k, v), expected, { rule: 'softmax', name: kind });
      });
    }

    test(`${kind}: from a cache`, (attention, keep) => {
      const length = longestFor(attention);
      const { q, k, v } = inputsOf(kind, length, 7);
      const cache = keep(attention.cache({ heads: 1, dim, valueDim, maxLength: length }));
      const before = length - 7;
      attention.softmax(sliceTime(q, 0, 1), sliceTime(k, 0, before), sliceTime(v, 0, before), { cache });
      const expected = oracle.softmax(q, k, v, { causal: true, before });
      for (const [from, to] of [
        [0, 1],
        [1, 7],
      ]) {
        const chunk = [sliceTime(q, from, to), ...[k, v].map((x) => sliceTime(x, before + from, before + to))];
        const actual = attention.softmax(...chunk, { causal: true, cache });
        assertClose(actual, sliceTime(expected, from, to), { rule: 'softmax', name: `${kind}, tokens ${from} to ${to}` });
      }
    });
  }

  test('a million keys that are all alike: what the settling of sums leaves over counts', (attention) => {
    const [length, queries, width] = [8 * longestFor(attention), 9, 4];
    const filled = (rows, valueOf) => ({ data: Float32Array.from({ length: rows * width }, (_, i) => valueOf(i % width)), shape: [1, 1, rows, width] });
    const valueOf = (c) => 1 / 3 + c / 10;
    const actual = attention.softmax(filled(queries, () => 0.1), filled(length, () => 0.3), filled(length, valueOf));
    assertClose(actual, filled(queries, valueOf), { rule: 'softmax' });
  });

  test('scores that rise or fall a little with every key', (attention) => {
    const length = longestFor(attention);
    const { q, v } = inputsOf('constant', length, 9);
    for (const rise of [1e-5, -1e-5, 6e-4]) {
      const k = { data: Float32Array.from({ length: length * dim }, (_, i) => rise * Math.floor(i / dim)), shape: [1, 1, length, dim] };
      const ramp = { data: v.data.map((x, i) => x * (1 + Math.floor(i / valueDim) / length)), shape: v.shape };
      const positive = { data: q.data.map((x) => Math.abs(Math.fround(x))), shape: q.shape };
      for (const one of [positive, sliceTime(positive, 0, 1)]) {
        assertClose(attention.softmax(one, k, ramp), oracle.softmax(one, k, ramp), { rule: 'softmax', name: `rise ${rise}` });
      }
    }
  });

  test.run();
}
