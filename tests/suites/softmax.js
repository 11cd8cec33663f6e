/** softmax() against the float64 oracle and PyTorch's numbers. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, guarded, inputs, loadGolden, poison, reshape, sizeOf, swapLayout, tensorOf } from '../util.js';
import { attentionSuite, dims, lengths } from './harness.js';

export function softmax(name, make) {
  const test = attentionSuite(name, make);

  function matches(attention, { q, k, v }, options = {}, label = '') {
    const result = attention.softmax(q, k, v, {
      ...options,
      out: poison(sizeOf([...q.shape.slice(0, 3), v.shape[3]])),
    });
    const expected = oracle.softmax(q, k, v, options);
    assert.deepEqual(result.shape, expected.shape);
    assertClose(result, expected, { rule: 'softmax', name: label });
    return result;
  }

  for (const causal of [false, true]) {
    const form = causal ? 'causal' : 'full';

    test(`${form}: every length`, (attention) => {
      for (const T of lengths)
        matches(attention, inputs({ heads: 2, T, dim: 12, valueDim: 9, seed: T }), { causal }, `length ${T}`);
    });

    test(`${form}: a long sequence`, (attention) => {
      matches(attention, inputs({ T: 1031, dim: 8, make: gaussian }), { causal });
    });

    test(`${form}: every dim`, (attention) => {
      for (const dim of dims) matches(attention, inputs({ T: 37, dim, seed: dim }), { causal }, `dim ${dim}`);
    });

    test(`${form}: every value dim`, (attention) => {
      for (const valueDim of dims)
        matches(attention, inputs({ T: 21, dim: 6, valueDim, seed: valueDim }), { causal }, `valueDim ${valueDim}`);
    });

    test(`${form}: the widest heads`, (attention) => {
      for (const [Tq, Tk, dim, valueDim] of [
        [1, 70, 1024, 8192],
        [3, 70, 1023, 8190],
        [37, 37, 1024, 64],
        [21, 133, 257, 515],
        [9, 9, 1000, 4097],
        [19, 130, 7, 8192],
      ]) {
        const label = `${Tq} queries, ${Tk} keys of ${dim}, values of ${valueDim}`;
        matches(attention, inputs({ Tq, Tk, dim, valueDim, make: gaussian }), { causal }, label);
      }
    });

    test(`${form}: few queries, many keys`, (attention) => {
      for (const [Tq, Tk, dim, valueDim] of [
        [1, 5, 64, 64],
        [1, 4099, 20, 12],
        [3, 2051, 5, 4],
        [2, 6145, 16, 7],
        [66, 4101, 8, 20],
      ]) {
        const label = `${Tq} queries, ${Tk} keys of ${dim}, values of ${valueDim}`;
        matches(attention, inputs({ heads: 2, Tq, Tk, dim, valueDim }), { causal }, label);
      }
    });

    test(`${form}: more queries than keys, and fewer`, (attention) => {
      for (const [Tq, Tk] of [
        [1, 64],
        [5, 129],
        [33, 71],
        [64, 65],
        [65, 64],
        [129, 3],
        [70, 1],
      ]) {
        matches(
          attention,
          inputs({ heads: 2, Tq, Tk, dim: 16, valueDim: 10 }),
          { causal },
          `${Tq} queries, ${Tk} keys`,
        );
      }
    });

    test(`${form}: grouped queries`, (attention) => {
      for (const [heads, kvHeads] of [
        [4, 2],
        [6, 1],
        [6, 3],
        [3, 3],
      ]) {
        matches(
          attention,
          inputs({ batch: 2, heads, kvHeads, T: 35, dim: 8, valueDim: 5 }),
          { causal },
          `${heads} heads over ${kvHeads}`,
        );
      }
    });

    test(`${form}: key lengths`, (attention) => {
      const { q, k, v } = inputs({ batch: 5, heads: 2, T: 67, dim: 8 });
      for (const keyLengths of [[0, 1, 33, 66, 67], Int32Array.of(67, 64, 63, 0, 5)])
        matches(attention, { q, k, v }, { causal, keyLengths });
    });

    test(`${form}: logits up to 96, 1536 and 98304`, (attention) => {
      // Small integers, and powers of two for scale: float32 holds the logits exactly, so their size alone is tested.
      const whole = (shape, seed, reach) => tensorOf(shape, (i) => ((i * seed) % (2 * reach + 1)) - reach);
      const q = whole([1, 1, 70, 4], 13, 2);
      const k = whole([1, 1, 70, 4], 17, 3);
      const v = gaussian([1, 1, 70, 6], 3);
      for (const scale of [4, 64, 4096]) matches(attention, { q, k, v }, { causal, scale }, `scale ${scale}`);
    });
  }

  test('logits of exactly 90, −90 and 0', (attention) => {
    const q = tensorOf([1, 1, 3, 4], (i) => [0.5, -0.5, 0][Math.floor(i / 4)]);
    const k = tensorOf([1, 1, 130, 4], (i) => (Math.floor(i / 4) % 2 ? 90 : -90));
    const v = gaussian([1, 1, 130, 7], 3);
    for (const causal of [false, true]) matches(attention, { q, k, v }, { causal });
  });

  test('logits that are all far below 0', (attention) => {
    for (const Tq of [1, 3, 4, 9]) {
      const q = tensorOf([1, 1, Tq, 1], () => 1);
      const k = tensorOf([1, 1, 70, 1], (i) => -300 - (i % 7));
      for (const causal of [false, true]) matches(attention, { q, k, v: gaussian([1, 1, 70, 5], 4) }, { causal });
    }
  });

  test('a maximum that comes last, and one that comes first', (attention) => {
    for (const rising of [true, false]) {
      const q = tensorOf([1, 1, 4, 1], () => 1);
      const k = tensorOf([1, 1, 300, 1], (i) => (rising ? i : 299 - i));
      matches(attention, { q, k, v: gaussian([1, 1, 300, 5], 4) }, {}, rising ? 'rising' : 'falling');
    }
  });

  test('keys of length 100', (attention) => {
    // Rounded to whole numbers, queries to eighths: the logits are exact in float32.
    const { q, k, v } = inputs({ T: 66, dim: 16, make: gaussian });
    const norms = Array.from({ length: 66 }, (_, t) => Math.hypot(...k.data.subarray(t * 16, (t + 1) * 16)));
    const long = tensorOf(k.shape, (i) => Math.round((100 * k.data[i]) / norms[Math.floor(i / 16)]));
    const coarse = tensorOf(q.shape, (i) => Math.round(8 * q.data[i]) / 8);
    for (const causal of [false, true]) matches(attention, { q: coarse, k: long, v }, { causal });
  });

  test('equal logits average the values', (attention) => {
    const { q, v } = inputs({ T: 50, dim: 8 });
    const k = tensorOf([1, 1, 50, 8], () => 0);
    const mean = tensorOf(
      [1, 1, 50, 8],
      (i) => Array.from({ length: 50 }, (_, t) => v.data[t * 8 + (i % 8)]).reduce((a, b) => a + b) / 50,
    );
    assertClose(attention.softmax(q, k, v), mean, { rule: 'softmax' });
  });

  test('scale: given, negative, zero and the default 1/√dim', (attention) => {
    const qkv = inputs({ T: 40, dim: 9 });
    for (const scale of [0.3, 1, -0.7, 0]) matches(attention, qkv, { scale }, `scale ${scale}`);
    assertSame(attention.softmax(qkv.q, qkv.k, qkv.v, { scale: 1 / 3 }), attention.softmax(qkv.q, qkv.k, qkv.v));
  });

  test('batches', (attention) => {
    matches(attention, inputs({ batch: 3, heads: 4, T: 19, dim: 7, valueDim: 11 }));
    matches(attention, inputs({ batch: 3, heads: 4, T: 19, dim: 7, valueDim: 11 }), { causal: true });
  });

  test('empty lengths: no query gives nothing, no key gives 0', (attention) => {
    const none = attention.softmax(...Object.values(inputs({ heads: 2, Tq: 0, Tk: 5, dim: 4 })));
    assert.deepEqual([none.shape, none.data.length], [[1, 2, 0, 4], 0]);
    const both = attention.softmax(...Object.values(inputs({ heads: 2, T: 0, dim: 4 })), { causal: true });
    assert.deepEqual([both.shape, both.data.length], [[1, 2, 0, 4], 0]);
    const { q, k, v } = inputs({ heads: 2, Tq: 3, Tk: 0, dim: 4 });
    for (const causal of [false, true])
      assertSame(attention.softmax(q, k, v, { causal, out: poison(24) }), new Float32Array(24));
  });

  test("layout 'bthd' gives the same bits, swapped", (attention) => {
    for (const causal of [false, true]) {
      const { q, k, v } = inputs({ batch: 2, heads: 6, kvHeads: 3, Tq: 33, Tk: 47, dim: 8, valueDim: 5 });
      const swapped = attention.softmax(swapLayout(q), swapLayout(k), swapLayout(v), {
        causal,
        layout: 'bthd',
        keyLengths: [47, 20],
      });
      assert.deepEqual(swapped.shape, [2, 33, 6, 5]);
      assertSame(swapLayout(swapped), attention.softmax(q, k, v, { causal, keyLengths: [47, 20] }));
    }
  });

  test('ranks 2 and 3 are promoted, and the result has the rank of q', (attention) => {
    const { q, k, v } = inputs({ heads: 3, T: 10, dim: 4, valueDim: 2 });
    const whole = attention.softmax(q, k, v);
    const [q3, k3, v3] = [q, k, v].map((x) => reshape(x, x.shape.slice(1)));
    const three = attention.softmax(q3, k3, v3);
    assert.deepEqual(three.shape, [3, 10, 2]);
    assertSame(three.data, whole.data);
    const thd = [q, k, v].map((x) => reshape(swapLayout(x), swapLayout(x).shape.slice(1)));
    const threeSwapped = attention.softmax(...thd, { layout: 'bthd' });
    assert.deepEqual(threeSwapped.shape, [10, 3, 2]);
    assertSame(threeSwapped.data, swapLayout(whole).data);
    const [q2, k2, v2] = [q, k, v].map((x) => ({ data: x.data.subarray(0, 10 * x.shape[3]), shape: [10, x.shape[3]] }));
    for (const layout of ['bhtd', 'bthd']) {
      const two = attention.softmax(q2, k2, v2, { layout });
      assert.deepEqual(two.shape, [10, 2]);
      assertSame(two.data, whole.data.subarray(0, 20));
    }
  });

  test('inputs with `dims`, typed shapes and resident tensors give the same bits', (attention, keep) => {
    const { q, k, v } = inputs({ heads: 2, T: 20, dim: 5 });
    const expected = attention.softmax(q, k, v);
    const withDims = [q, k, v].map(({ data, shape }) => ({ data, dims: Int32Array.from(shape) }));
    assertSame(attention.softmax(...withDims), expected);
    const resident = [q, k, v].map(({ data, shape }) => keep(attention.tensor(shape, data)));
    assertSame(attention.softmax(...resident), expected);
    assertSame(attention.softmax(q, resident[1], v), expected);
  });

  test('out: a Float32Array is filled and nothing around it', (attention) => {
    for (const T of [1, 5, 63, 65]) {
      const { q, k, v } = inputs({ heads: 2, T, dim: 5, valueDim: 3 });
      const { out, check } = guarded(2 * T * 3);
      const result = attention.softmax(q, k, v, { out });
      assert.equal(result.data, out);
      assert.deepEqual(result.shape, [1, 2, T, 3]);
      assertSame(out, attention.softmax(q, k, v).data);
      check();
    }
  });

  test('out: a resident tensor is filled, returned, and nothing around it', (attention, keep) => {
    for (const T of [1, 5, 63, 65]) {
      const { q, k, v } = inputs({ heads: 2, T, dim: 5, valueDim: 3 });
      const below = keep(attention.tensor([64], new Float32Array(64).fill(7)));
      const out = keep(attention.tensor([1, 2, T, 3], poison(2 * T * 3)));
      const above = keep(attention.tensor([64], new Float32Array(64).fill(7)));
      assert.equal(attention.softmax(q, k, v, { out }), out);
      assertSame(out.data, attention.softmax(q, k, v).data);
      for (const guard of [below, above]) assert.ok(guard.data.every((x) => x === 7));
    }
  });

  test('inputs are left as they were', (attention) => {
    const qkv = Object.values(inputs({ T: 30, dim: 6 }));
    const before = qkv.map((x) => x.data.slice());
    attention.softmax(...qkv, { causal: true });
    qkv.forEach((x, i) => assertSame(x.data, before[i]));
  });

  for (const [
    title,
    {
      in: { q, k, v },
      out,
      params,
    },
  ] of loadGolden('golden')) {
    if (!title.startsWith('softmax.')) continue;
    test(`golden ${title}`, (attention) =>
      assertClose(attention.softmax(q, k, v, { causal: params.causal }), out.o, { rule: 'golden' }));
  }

  test('golden softmax of favor.performer', (attention) => {
    const {
      in: { q, k, v },
      out,
    } = loadGolden('golden').get('favor.performer');
    assertClose(attention.softmax(q, k, v), out.softmax, { rule: 'golden' });
    assertClose(attention.softmax(q, k, v, { causal: true }), out.softmaxCausal, { rule: 'golden' });
  });

  test.run();
}
