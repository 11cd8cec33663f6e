/** Ragged batches of softmax: lengths and starts, with a cache and without, and packed sequences, each as calls of their own. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, joinTime, poison, reshape, sliceTime, swapLayout } from '../util.js';
import { attentionSuite, throwsKind } from './harness.js';

/** Row b of a batch, tokens from … to − 1. */
export function rowOf({ data, shape: [B, H, T, d] }, b, from = 0, to = T) {
  return sliceTime({ data: data.subarray((b * data.length) / B, ((b + 1) * data.length) / B), shape: [1, H, T, d] }, from, to);
}

/** Rows put together again, each between as many zeros as it lacks. */
function padRows(rows, starts, T) {
  const [, H, , d] = rows[0].shape;
  const zeros = (count) => ({ data: new Float32Array(H * count * d), shape: [1, H, count, d] });
  const padded = rows.map((row, b) => joinTime([zeros(starts[b]), row, zeros(T - starts[b] - row.shape[2])]));
  const data = new Float32Array(rows.length * H * T * d);
  padded.forEach((row, b) => data.set(row.data, b * H * T * d));
  return { data, shape: [rows.length, H, T, d] };
}

/** NaN where no token counts: what lies there must not matter. */
export function spoilPads(qkv, starts, ends) {
  return Object.fromEntries(Object.entries(qkv).map(([name, { data, shape }]) => {
    const [B, H, T, d] = shape;
    const spoilt = data.slice();
    for (let n = 0; n < B * H; n++) {
      const b = Math.floor(n / H);
      for (let t = 0; t < T; t++) if (t < starts[b] || t >= ends[b]) spoilt.fill(NaN, (n * T + t) * d, (n * T + t + 1) * d);
    }
    return [name, { data: spoilt, shape }];
  }));
}

export function raggedSoftmax(name, make) {
  const test = attentionSuite(name, make);
  const T = 41;
  const sizes = { batch: 4, heads: 4, kvHeads: 2, T, dim: 9, valueDim: 6 };
  const starts = [0, 3, 41, 17];
  const ends = [41, 30, 41, 18];
  const countsOf = (first, last) => last.map((end, b) => end - first[b]);

  for (const options of [{}, { causal: true }, { window: 7, sinks: 2, softcap: 3 }, { causalOffset: -2, bias: [0.5, 0.25, 0.125, 0.0625] }]) {
    test(`lengths and starts are calls of each row alone: ${JSON.stringify(options)}`, (attention) => {
      const qkv = inputs({ ...sizes, make: gaussian });
      for (const [told, from, to] of [[{ lengths: countsOf(starts, ends), starts }, starts, ends], [{ lengths: ends }, [0, 0, 0, 0], ends], [{ starts }, starts, ends.map(() => T)]]) {
        const { q, k, v } = spoilPads(qkv, from, to);
        const rows = from.map((_, b) => attention.softmax(...[q, k, v].map((x) => rowOf(x, b, from[b], to[b])), options));
        const result = attention.softmax(q, k, v, { ...options, ...told, out: poison(4 * 4 * T * 6) });
        assertClose(result, padRows(rows, from, T), { rule: 'softmax' });
        const swapped = attention.softmax(...[q, k, v].map(swapLayout), { ...options, ...told, layout: 'bthd' });
        assertSame(swapLayout(swapped), result);
      }
    });

    test(`rows of a cache go on from their own length: ${JSON.stringify(options)}`, (attention, keep) => {
      const qkv = inputs({ ...sizes, T: 90, make: gaussian });
      const held = keep(attention.cache({ batch: 4, heads: 2, dim: 9, valueDim: 6, maxLength: 90 }));
      const alone = starts.map(() => keep(attention.cache({ heads: 2, dim: 9, valueDim: 6, maxLength: 90 })));
      const lengths = [0, 0, 0, 0];
      for (const [from, to, first, last] of [[0, 41, starts, ends], [41, 42, [0, 0, 0, 1], [1, 0, 1, 1]], [42, 90, [5, 0, 48, 2], [48, 48, 48, 3]]]) {
        const given = spoilPads(Object.fromEntries(Object.entries(qkv).map(([one, x]) => [one, sliceTime(x, from, to)])), first, last);
        const { q, k, v } = given;
        const rows = alone.map((cache, b) => attention.softmax(...[q, k, v].map((x) => rowOf(x, b, first[b], last[b])), { ...options, cache }));
        const result = attention.softmax(q, k, v, { ...options, starts: first, lengths: countsOf(first, last), cache: held });
        assertClose(result, padRows(rows, first, to - from), { rule: 'softmax' });
        first.forEach((start, b) => (lengths[b] += last[b] - start));
        assert.deepEqual(held.lengths, lengths);
        assert.equal(held.length, Math.max(...lengths));
      }
    });
  }

  test('key lengths count beside lengths, and what a cache holds', (attention, keep) => {
    const { q, k, v } = inputs({ batch: 3, T: 20, dim: 5, make: gaussian });
    const lengths = [20, 12, 7];
    assertClose(attention.softmax(q, k, v, { lengths, keyLengths: [3, 20, 0] }), oracle.softmax(q, k, v, { lengths, keyLengths: [3, 20, 0] }), { rule: 'softmax' });
    const held = keep(attention.cache({ batch: 3, heads: 1, dim: 5, maxLength: 40 }));
    attention.softmax(q, k, v, { lengths, cache: held });
    const [q2, k2, v2] = [q, k, v].map((x) => sliceTime(x, 0, 2));
    const result = attention.softmax(q2, k2, v2, { cache: held, keyLengths: [22, 13, 1] });
    lengths.forEach((length, b) => {
      const keys = joinTime([rowOf(k, b, 0, length), rowOf(k2, b)]);
      const values = joinTime([rowOf(v, b, 0, length), rowOf(v2, b)]);
      assertClose(rowOf(result, b), oracle.softmax(rowOf(q2, b), keys, values, { keyLengths: [[22, 13, 1][b]] }), { rule: 'softmax' });
    });
  });

  for (const options of [{}, { causal: true }, { window: 5, sinks: 1 }, { softcap: 2, bias: [1, 0.5, 0.25, 0.125] }]) {
    test(`packed sequences do not see each other: ${JSON.stringify(options)}`, (attention) => {
      for (const sequences of [[0, 5, 12], [0, 0, 1, 1, 12], [0, 12], [0, 130, 131, 290]]) {
        const length = sequences.at(-1);
        const qkv = inputs({ batch: 2, heads: 4, kvHeads: 2, T: length, dim: 9, valueDim: 6, make: gaussian });
        const parts = sequences.slice(1).map((end, i) => attention.softmax(...Object.values(qkv).map((x) => sliceTime(x, sequences[i], end)), options));
        const result = attention.softmax(...Object.values(qkv), { ...options, sequences });
        assertClose(result, joinTime(parts), { rule: 'softmax' });
        assertClose(result, oracle.softmax(...Object.values(qkv), { ...options, causal: options.causal || options.window !== undefined, sequences }), { rule: 'softmax' });
      }
    });
  }

  test('a bias is looked up by places in the call', (attention) => {
    const { q, k, v } = inputs({ heads: 2, T: 12, dim: 8, make: gaussian });
    const bias = gaussian([2, 12, 12], 9);
    for (const options of [{ sequences: [0, 5, 12] }, { starts: [3], lengths: [6] }]) {
      assertClose(attention.softmax(q, k, v, { ...options, bias }), oracle.softmax(q, k, v, { ...options, bias }), { rule: 'softmax' });
    }
  });

  test('what a sequence, or a pad, holds spoils no other', (attention) => {
    const { q, k, v } = inputs({ heads: 2, T: 30, dim: 8, make: gaussian });
    const before = attention.softmax(q, k, v, { sequences: [0, 11, 30] });
    for (const x of [q, k, v]) x.data.fill(NaN, 11 * 8, 12 * 8);
    const after = attention.softmax(q, k, v, { sequences: [0, 11, 30] });
    assertSame(sliceTime(after, 0, 11), sliceTime(before, 0, 11));
    assert.ok(rowOf(after, 0, 11, 30).data.subarray(0, 19 * 8).every(Number.isNaN));
  });

  test('ranks 3 and 2, and an empty batch of tokens', (attention, keep) => {
    const { q, k, v } = inputs({ T: 12, dim: 8, make: gaussian });
    const flat = [q, k, v].map((x) => reshape(x, [12, 8]));
    const expected = attention.softmax(q, k, v, { lengths: [7] });
    assertSame(attention.softmax(...flat, { lengths: [7] }), expected);
    assertSame(attention.softmax(...flat, { lengths: [7n] }), expected);
    const none = [q, k, v].map((x) => sliceTime(x, 0, 0));
    assert.equal(attention.softmax(...none, { sequences: [0] }).data.length, 0);
    const held = keep(attention.cache({ heads: 1, dim: 8, maxLength: 3 }));
    attention.softmax(...none, { lengths: [0], cache: held });
    assert.equal(held.length, 0);
  });

  test('what does not fit is refused by name', (attention, keep) => {
    const { q, k, v } = inputs({ batch: 2, T: 6, dim: 4 });
    const held = keep(attention.cache({ batch: 2, heads: 1, dim: 4, maxLength: 9 }));
    const long = sliceTime(k, 0, 5);
    for (const [options, pattern, inputsOf = [q, k, v]] of [
      [{ lengths: [6] }, /lengths must be an array of 2 integers/],
      [{ lengths: [7, 1] }, /lengths\[0\] must be an integer from 0 to 6/],
      [{ starts: [0, -1] }, /starts\[1\] must be an integer from 0 to 6/],
      [{ starts: [0, 4], lengths: [6, 3] }, /lengths\[1\] must be an integer from 0 to 2/],
      [{ lengths: [5, 5] }, /lengths and starts need as many queries as keys, got 6 and 5/, [q, long, sliceTime(v, 0, 5)]],
      [{ sequences: [0, 5] }, /sequences needs as many queries as keys, got 6 and 5/, [q, long, sliceTime(v, 0, 5)]],
      [{ sequences: [0, 5] }, /sequences must end with 6/],
      [{ sequences: [1, 6] }, /sequences\[0\] must be an integer from 0 to 0/],
      [{ sequences: [0, 4, 3, 6] }, /sequences\[2\] must be an integer from 4 to 6/],
      [{ sequences: [] }, /sequences must be an array of at least one/],
      [{ sequences: [0, 6], lengths: [1, 1] }, /sequences must not be given with lengths/],
      [{ sequences: [0, 6], starts: [1, 1] }, /sequences must not be given with starts/],
      [{ sequences: [0, 6], keyLengths: [1, 1] }, /sequences must not be given with keyLengths/],
      [{ sequences: [0, 6], cache: held }, /sequences must not be given with cache/],
    ]) throwsKind(() => attention.softmax(...inputsOf, options), RangeError, pattern, JSON.stringify(options.lengths ?? options));
    assert.deepEqual(held.lengths, [0, 0]);
  });

  test.run();
}
