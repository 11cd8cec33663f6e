/** Cache: softmax attention one token or one chunk at a time equals the whole. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { inputs, joinTime, poison, sliceTime, swapLayout } from '../util.js';
import { attentionSuite, throwsCode } from './harness.js';

export function cache(name, make) {
  const test = attentionSuite(name, make);

  const cacheFor = (attention, { k, v }, maxLength = k.shape[2]) =>
    attention.cache({ batch: k.shape[0], heads: k.shape[1], dim: k.shape[3], valueDim: v.shape[3], maxLength });
  const part = (qkv, from, to) => Object.values(qkv).map((x) => sliceTime(x, from, to));
  const inChunks = (attention, held, qkv, chunk, T, options = {}, from = 0) => {
    const outputs = [];
    for (let t = from; t < T; t += chunk)
      outputs.push(
        attention.softmax(...part(qkv, t, Math.min(T, t + chunk)), { causal: true, cache: held, ...options }),
      );
    return joinTime(outputs);
  };

  for (const chunk of [1, 3, 7, 64, 65, 140]) {
    test(`chunks of ${chunk} equal the whole`, (attention, keep) => {
      for (const shape of [
        { batch: 2, heads: 2, T: 140, dim: 8, valueDim: 5 },
        { T: 140, dim: 33 },
      ]) {
        const qkv = inputs(shape);
        const held = keep(cacheFor(attention, qkv));
        assertClose(
          inChunks(attention, held, qkv, chunk, 140),
          oracle.softmax(...Object.values(qkv), { causal: true }),
          { rule: 'softmax' },
        );
        assert.equal(held.length, 140);
      }
    });
  }

  test('a few tokens after thousands equal the whole', (attention, keep) => {
    const T = 4103;
    const qkv = inputs({ heads: 2, T, dim: 16, valueDim: 12 });
    const held = keep(cacheFor(attention, qkv));
    const expected = oracle.softmax(...Object.values(qkv), { causal: true });
    attention.softmax(...part(qkv, 0, T - 6), { causal: true, cache: held });
    const last = joinTime([
      attention.softmax(...part(qkv, T - 6, T - 3), { causal: true, cache: held }),
      inChunks(attention, held, qkv, 1, T, {}, T - 3),
    ]);
    assertClose(last, sliceTime(expected, T - 6, T), { rule: 'softmax' });
  });

  test('grouped queries, with a scale of their own', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 6, kvHeads: 2, T: 50, dim: 8 });
    const expected = oracle.softmax(...Object.values(qkv), { causal: true, scale: 0.2 });
    for (const chunk of [1, 20])
      assertClose(inChunks(attention, keep(cacheFor(attention, qkv)), qkv, chunk, 50, { scale: 0.2 }), expected, {
        rule: 'softmax',
      });
  });

  test('full attention sees everything held', (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 90, dim: 8 });
    const held = keep(cacheFor(attention, qkv, 200));
    attention.softmax(...part(qkv, 0, 70), { cache: held });
    const [, k, v] = Object.values(qkv);
    const [queries, newKeys, newValues] = part(qkv, 70, 90);
    assertClose(attention.softmax(queries, newKeys, newValues, { cache: held }), oracle.softmax(queries, k, v), {
      rule: 'softmax',
    });
    assert.equal(held.length, 90);
  });

  test('key lengths count the leading keys held', (attention, keep) => {
    const qkv = inputs({ batch: 3, T: 40, dim: 5 });
    const held = keep(cacheFor(attention, qkv));
    attention.softmax(...part(qkv, 0, 30), { causal: true, cache: held });
    const [, k, v] = Object.values(qkv);
    const keyLengths = [40, 17, 0];
    const [queries, newKeys, newValues] = part(qkv, 30, 40);
    const o = attention.softmax(queries, newKeys, newValues, { cache: held, keyLengths });
    assertClose(o, oracle.softmax(queries, k, v, { keyLengths }), { rule: 'softmax' });
  });

  test("layout 'bthd', out, and resident inputs", (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 4, kvHeads: 2, T: 24, dim: 6, valueDim: 3 });
    const [plain, swapped, resident] = Array.from({ length: 3 }, () => keep(cacheFor(attention, qkv)));
    for (const [from, to] of [
      [0, 10],
      [10, 11],
      [11, 24],
    ]) {
      const expected = attention.softmax(...part(qkv, from, to), { causal: true, cache: plain });
      const result = attention.softmax(...part(qkv, from, to).map(swapLayout), {
        causal: true,
        cache: swapped,
        layout: 'bthd',
      });
      assertSame(swapLayout(result), expected);
      const tensors = part(qkv, from, to).map((x) => keep(attention.tensor(x.shape, x.data)));
      const out = keep(attention.tensor(expected.shape, poison(expected.data.length)));
      attention.softmax(...tensors, { causal: true, cache: resident, out });
      assertSame(out.data, expected.data);
    }
  });

  test('an empty chunk changes nothing', (attention, keep) => {
    const qkv = inputs({ T: 10, dim: 4 });
    const held = keep(cacheFor(attention, qkv));
    attention.softmax(...part(qkv, 0, 4), { causal: true, cache: held });
    assert.deepEqual(attention.softmax(...part(qkv, 4, 4), { causal: true, cache: held }).shape, [1, 1, 0, 4]);
    assert.equal(held.length, 4);
  });

  test('a full cache refuses more, and is left as it was', (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 30, dim: 5 });
    const [held, twin] = [0, 1].map(() => keep(cacheFor(attention, qkv, 20)));
    for (const one of [held, twin]) attention.softmax(...part(qkv, 0, 18), { causal: true, cache: one });
    const out = poison(15 * 2 * 5).fill(3);
    throwsCode(() => attention.softmax(...part(qkv, 15, 30), { causal: true, cache: held, out }), 'cache-full');
    throwsCode(() => attention.softmax(...part(qkv, 18, 21), { causal: true, cache: held }), 'cache-full');
    assert.ok(out.every((x) => x === 3));
    assert.equal(held.length, 18);
    assertSame(
      attention.softmax(...part(qkv, 18, 20), { causal: true, cache: held }),
      attention.softmax(...part(qkv, 18, 20), { causal: true, cache: twin }),
    );
    assert.equal(held.length, 20);
    throwsCode(() => attention.softmax(...part(qkv, 20, 21), { causal: true, cache: held }), 'cache-full');
  });

  test('a refused call adds no token', (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 30, dim: 5 });
    const [held, twin] = [0, 1].map(() => keep(cacheFor(attention, qkv)));
    for (const one of [held, twin]) attention.softmax(...part(qkv, 0, 10), { causal: true, cache: one });
    const [q, k, v] = part(qkv, 20, 30);
    assert.throws(
      () => attention.softmax(q, k, v, { causal: true, cache: held, out: new Float32Array(7) }),
      RangeError,
    );
    assert.throws(() => attention.softmax(q, k, sliceTime(v, 0, 9), { causal: true, cache: held }), RangeError);
    assert.throws(() => attention.softmax(q, k, v, { causal: true, cache: held, scale: NaN }), RangeError);
    assert.equal(held.length, 10);
    const next = part(qkv, 10, 30);
    assertSame(
      attention.softmax(...next, { causal: true, cache: held }),
      attention.softmax(...next, { causal: true, cache: twin }),
    );
  });

  test('reset starts over', (attention, keep) => {
    const qkv = inputs({ T: 20, dim: 5 });
    const held = keep(cacheFor(attention, qkv));
    const first = inChunks(attention, held, qkv, 6, 20);
    held.reset();
    assert.equal(held.length, 0);
    assertSame(inChunks(attention, held, qkv, 6, 20), first);
  });

  test('a clone goes its own way', (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 30, dim: 5 });
    const held = keep(cacheFor(attention, qkv));
    attention.softmax(...part(qkv, 0, 10), { causal: true, cache: held });
    const copy = keep(held.clone());
    assert.deepEqual([copy.length, copy.maxLength, copy.bytes], [10, 30, held.bytes]);
    const onward = attention.softmax(...part(qkv, 10, 30), { causal: true, cache: copy });
    assert.equal(held.length, 10);
    assertSame(attention.softmax(...part(qkv, 10, 30), { causal: true, cache: held }), onward);
  });

  test('what a cache says of itself', (attention, keep) => {
    const before = attention.memory;
    const held = keep(attention.cache({ heads: 3, dim: 4, maxLength: 100 }));
    const { batch, heads, dim, valueDim, maxLength, length } = held;
    assert.deepEqual(
      { batch, heads, dim, valueDim, maxLength, length },
      { batch: 1, heads: 3, dim: 4, valueDim: 4, maxLength: 100, length: 0 },
    );
    assert.ok(held.bytes >= 4 * 3 * 100 * 8);
    assert.ok(attention.memory - before >= 4 * 3 * 100 * 8);
  });

  test.run();
}
