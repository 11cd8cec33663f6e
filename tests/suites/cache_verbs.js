/** What a cache can do besides growing: truncate, select, copyFrom, reset of some rows, and a window. */
import assert from 'node:assert';
import { internal } from '../../web/core/resident.js';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, sliceTime } from '../util.js';
import { attentionSuite, throwsCode, throwsKind } from './harness.js';
import { rowOf, spoilPads } from './ragged_softmax.js';

export function cacheVerbs(name, make) {
  const test = attentionSuite(name, make);
  const sizes = { batch: 3, heads: 2, dim: 6, valueDim: 5 };
  const part = (qkv, from, to) => Object.values(qkv).map((x) => sliceTime(x, from, to));
  const cacheOf = (attention, rest) => attention.cache({ ...sizes, maxLength: 80, ...rest });
  const tokens = (T, seed = 1, rest = {}) => inputs({ ...sizes, T, seed, make: gaussian, ...rest });

  /** What each row answers to the next token. */
  const probe = (attention, cache) => {
    const { q, k, v } = tokens(1, 77);
    const copy = cache.clone();
    try {
      return attention.softmax(q, k, v, { causal: true, cache: copy });
    } finally {
      copy.dispose();
    }
  };
  const filled = (attention, keep, lengths, rest) => {
    const cache = keep(cacheOf(attention, rest));
    attention.softmax(...Object.values(tokens(30)), { causal: true, cache, lengths });
    return cache;
  };

  test('truncate leaves what the first tokens left', (attention, keep) => {
    const cache = filled(attention, keep, [30, 12, 0]);
    cache.truncate(20);
    assert.deepEqual(cache.lengths, [20, 12, 0]);
    assertSame(probe(attention, cache), probe(attention, filled(attention, keep, [20, 12, 0])));
    cache.truncate(20);
    cache.truncate(0);
    assert.deepEqual([cache.length, cache.lengths], [0, [0, 0, 0]]);
    for (const wrong of [1, -1, 0.5, NaN]) throwsKind(() => cache.truncate(wrong), RangeError, /length must be an integer from 0 to 0/);
    for (const wrong of ['1', null, undefined]) throwsKind(() => cache.truncate(wrong), TypeError, /length must be an integer/);
  });

  test('select puts rows where they are told, several times or not at all', (attention, keep) => {
    for (const rows of [[0, 1, 2], [2, 0, 1], [1, 1, 0], [2, 2, 2], [0, 2, 1], new Int32Array([1, 0, 2]), [2n, 1n, 1n]]) {
      const cache = filled(attention, keep, [30, 12, 7]);
      const lengths = [30, 12, 7];
      const before = probe(attention, cache);
      const kept = Array.from(rows, Number);
      cache.select(rows);
      assert.deepEqual(cache.lengths, kept.map((b) => lengths[b]));
      // Each row has a query of its own: those of its place.
      const { q, k, v } = tokens(1, 77);
      const after = attention.softmax(q, k, v, { causal: true, cache });
      kept.forEach((from, to) => {
        if (from === to) assertSame(rowOf(after, to), rowOf(before, to));
        const all = tokens(30);
        const keys = [k, v].map((x, i) => [rowOf(i === 0 ? all.k : all.v, from, 0, lengths[from]), rowOf(x, to)]);
        const joined = keys.map(([old, one]) => ({ data: Float32Array.from([0, 1].flatMap((h) => [...old.data.subarray((h * old.data.length) / 2, ((h + 1) * old.data.length) / 2), ...one.data.subarray((h * one.data.length) / 2, ((h + 1) * one.data.length) / 2)])), shape: [1, 2, lengths[from] + 1, old.shape[3]] }));
        assertClose(rowOf(after, to), oracle.softmax(rowOf(q, to), ...joined), { rule: 'softmax' });
      });
    }
  });

  test('copyFrom takes everything, from a larger cache as well', (attention, keep) => {
    const cache = filled(attention, keep, [30, 12, 7]);
    const copy = keep(cacheOf(attention, { maxLength: 31 }));
    attention.softmax(...Object.values(tokens(9, 5)), { cache: copy });
    copy.copyFrom(cache);
    assert.deepEqual(copy.lengths, [30, 12, 7]);
    assertSame(probe(attention, copy), probe(attention, cache));
    copy.copyFrom(copy);
    assertSame(probe(attention, copy), probe(attention, cache));
    const small = keep(cacheOf(attention, { maxLength: 29 }));
    throwsCode(() => small.copyFrom(cache), 'cache-full');
    assert.deepEqual(small.lengths, [0, 0, 0]);
    for (const [rest, pattern] of [[{ batch: 2 }, /batch of other must be 3/], [{ heads: 1 }, /heads of other/], [{ dim: 5 }, /dim of other/], [{ valueDim: 6 }, /valueDim of other/], [{ window: 5 }, /window of other must be null/]]) {
      throwsKind(() => cache.copyFrom(keep(cacheOf(attention, rest))), RangeError, pattern);
    }
    for (const wrong of [undefined, null, {}, keep(attention.state({ heads: 2, dim: 6 }))]) throwsKind(() => cache.copyFrom(wrong), TypeError, /other must be a Cache/);
  });

  test('reset of some rows leaves the others', (attention, keep) => {
    const cache = filled(attention, keep, [30, 12, 7]);
    cache.reset([2, 0, 2]);
    assert.deepEqual(cache.lengths, [0, 12, 0]);
    assertSame(probe(attention, cache), probe(attention, filled(attention, keep, [0, 12, 0])));
    cache.reset([]);
    assert.deepEqual(cache.lengths, [0, 12, 0]);
    cache.reset();
    assert.equal(cache.length, 0);
  });

  test('rows that are none are refused, and nothing changes', (attention, keep) => {
    const cache = filled(attention, keep, [3, 2, 1]);
    for (const verb of ['select', 'reset']) {
      for (const wrong of [[0, 1, 3], [0, 1, -1], [0, 0.5, 1], [0, 1, NaN]]) throwsKind(() => cache[verb](wrong), RangeError, /rows\[\d\] must be an integer from 0 to 2/);
      throwsKind(() => cache[verb]([0, '1', 2]), TypeError, /rows\[1\] must be an integer/);
      for (const wrong of [3, 'rows', null]) throwsKind(() => cache[verb](wrong), TypeError, /rows must be an array of integers/);
      throwsKind(() => cache[verb]([0, 1, 2, 0]), RangeError, /rows must be an array of/);
    }
    throwsKind(() => cache.select([0, 1]), RangeError, /rows must be an array of 3 integers, a row for each/);
    throwsKind(() => cache.select(), TypeError, /rows must be an array of integers/);
    assert.deepEqual(cache.lengths, [3, 2, 1]);
  });

  test('rows are read before anything is looked at', (attention, keep) => {
    const cache = filled(attention, keep, [3, 2, 1]);
    const rows = [0, 0, 0];
    Object.defineProperty(rows, 1, { get() { cache.dispose(); return 0; } });
    throwsCode(() => cache.select(rows), 'disposed');
  });

  for (const [window, sinks] of [[1, 0], [5, 0], [5, 3], [40, 2], [300, 4]]) {
    test(`a cache with a window of ${window} and ${sinks} sinks equals one without`, (attention, keep) => {
      const T = 900;
      const qkv = tokens(T, 3, { batch: 2, heads: 2, kvHeads: 1 });
      const held = keep(attention.cache({ batch: 2, heads: 1, dim: 6, valueDim: 5, window, sinks }));
      const bias = [0.5, 0.01];
      const expected = oracle.softmax(...Object.values(qkv), { causal: true, window, sinks, bias });
      const chunks = [3, 1, 200, 1, 1, 64, 65, 1, 129, 300, 1, 1, 7];
      let from = 0;
      for (let i = 0; from < T; i++) {
        const to = Math.min(T, from + chunks[i % chunks.length]);
        const out = attention.softmax(...part(qkv, from, to), { cache: held, bias });
        assertClose(out, sliceTime(expected, from, to), { rule: 'softmax', name: `tokens ${from} to ${to}` });
        from = to;
      }
      assert.equal(held.length, T);
      assert.ok(held.bytes <= 2 * 11 * 4 * (sinks + window + 2 * Math.max(64, Math.ceil(window / 4))));
      const other = keep(held.clone());
      for (const one of [held, other]) one.truncate(T - 64);
      const last = part(qkv, T - 64, T);
      for (const one of [held, other]) assertClose(attention.softmax(...last, { cache: one, bias }), sliceTime(expected, T - 64, T), { rule: 'softmax' });
      other.select([1, 0]);
      other.copyFrom(held);
      const next = part(tokens(3, 8, { batch: 2, heads: 2, kvHeads: 1 }), 0, 3);
      assertSame(attention.softmax(...next, { cache: other, bias }), attention.softmax(...next, { cache: held, bias }));
    });
  }

  test('rows of a windowed cache go on from their own length', (attention, keep) => {
    const T = 700;
    const qkv = tokens(T, 4);
    const held = keep(cacheOf(attention, { maxLength: undefined, window: 9, sinks: 2 }));
    const expected = oracle.softmax(...Object.values(qkv), { causal: true, window: 9, sinks: 2 });
    const at = [0, 0, 0];
    for (const [count, lengths] of [[150, [150, 1, 77]], [90, [3, 90, 90]], [1, [1, 0, 1]], [200, [200, 17, 0]], [1, [1, 1, 1]]]) {
      // Row b takes its own next tokens: rows are cut at different places.
      const cut = (x) => ({ data: Float32Array.from(at.flatMap((start, b) => Array.from(rowOf(x, b, start, start + count).data))), shape: [3, 2, count, x.shape[3]] });
      const { q, k, v } = spoilPads({ q: cut(qkv.q), k: cut(qkv.k), v: cut(qkv.v) }, [0, 0, 0], lengths);
      const out = attention.softmax(q, k, v, { cache: held, lengths });
      at.forEach((start, b) => assertClose(rowOf(out, b, 0, lengths[b]), rowOf(expected, b, start, start + lengths[b]), { rule: 'softmax' }));
      lengths.forEach((length, b) => (at[b] += length));
      assert.deepEqual(held.lengths, at);
    }
    const moved = keep(held.clone());
    moved.select([2, 0, 1]);
    const next = tokens(1, 5);
    const turned = Object.fromEntries(Object.entries(next).map(([name, x]) => [name, { data: Float32Array.from([2, 0, 1].flatMap((b) => Array.from(rowOf(x, b).data))), shape: x.shape }]));
    const [stayed, after] = [[next, held], [turned, moved]].map(([{ q, k, v }, cache]) => attention.softmax(q, k, v, { cache }));
    [2, 0, 1].forEach((from, to) => assertClose(rowOf(after, to), rowOf(stayed, from), { rule: 'softmax', name: `row ${from} as row ${to}` }));
  });

  test('a window is as large as the cache says, or smaller', (attention, keep) => {
    const qkv = tokens(200, 4);
    const held = keep(cacheOf(attention, { maxLength: undefined, window: 20, sinks: 4 }));
    assert.deepEqual([held.window, held.sinks, held.maxLength], [20, 4, Number.MAX_SAFE_INTEGER]);
    const expected = oracle.softmax(...Object.values(qkv), { causal: true, window: 7, sinks: 1, causalOffset: -3 });
    for (let t = 0; t < 200; t += 10) {
      assertClose(attention.softmax(...part(qkv, t, t + 10), { cache: held, window: 7, sinks: 1, causalOffset: -3 }), sliceTime(expected, t, t + 10), { rule: 'softmax' });
    }
    const next = part(qkv, 0, 1);
    for (const [options, pattern] of [
      [{ causal: false }, /causal must be true with a cache with a window/],
      [{ window: 21 }, /window.* must be at most 20, as the cache has, got 21/],
      [{ window: 19, causalOffset: -2 }, /must be at most 20, as the cache has, got 21/],
      [{ sinks: 5 }, /sinks must be at most 4/],
      [{ keyLengths: [1, 1, 1] }, /keyLengths must not be given with a cache that has a window/],
      [{ bias: { data: new Float32Array(2 * 201), shape: [2, 1, 201] } }, /bias must be slopes with a cache that has a window/],
    ]) throwsKind(() => attention.softmax(...next, { cache: held, ...options }), RangeError, pattern);
    assert.equal(held.length, 200);
    throwsKind(() => held.truncate(30), RangeError, /length must be at least \d+, since row 0 has dropped/);
    assert.equal(held.length, 200);
    let told;
    try {
      held.truncate(30);
    } catch (error) {
      told = Number(/at least (\d+)/.exec(error.message)[1]);
    }
    throwsKind(() => held.truncate(told - 1), RangeError, /at least/);
    keep(held.clone()).truncate(told);
    held.reset([0]);
    assert.deepEqual(held.lengths, [0, 200, 200]);
    const short = keep(cacheOf(attention, { maxLength: 12, window: 20 }));
    assert.equal(short.bytes, 3 * 2 * 11 * 4 * 12);
    attention.softmax(...part(qkv, 0, 12), { cache: short });
    throwsCode(() => attention.softmax(...part(qkv, 12, 13), { cache: short }), 'cache-full');
  });

  test('options of a cache', (attention) => {
    for (const [options, kind, pattern] of [
      [{ maxLength: undefined }, TypeError, /maxLength must be an integer/],
      [{ window: 0 }, RangeError, /window must be an integer from 1/],
      [{ window: '3' }, TypeError, /window must be an integer/],
      [{ sinks: 1 }, RangeError, /sinks needs window/],
      [{ window: 3, sinks: -1 }, RangeError, /sinks must be an integer from 0/],
      [{ window: 3, maxLength: 0 }, RangeError, /maxLength must be an integer from 1/],
    ]) throwsKind(() => cacheOf(attention, options), kind, pattern);
  });

  test('a call that fails leaves a full cache with a window as it was', (attention, keep) => {
    const { core } = attention[internal];
    const cache = keep(attention.cache({ batch: 2, heads: 1, dim: 2, window: 3, sinks: 2 }));
    const call = (length, counts) => attention.softmax(...[1, 2, 3].map((seed) => gaussian([2, 1, length, 2], seed)), { cache, lengths: counts });
    const { run } = core;
    for (const [length, counts] of [[133, [133, 100]], [1, [1, 0]], [80, [80, 80]]]) {
      const before = cache.save();
      core.run = () => {
        throw new RangeError('refused');
      };
      try {
        throwsKind(() => call(length, counts), RangeError, /^refused$/);
      } finally {
        core.run = run;
      }
      assertSame(cache.save(), before);
      call(length, counts);
    }
    assert.deepEqual(cache.lengths, [214, 180]);
  });

  test.run();
}
