/** linear() without state against the float64 oracle and other people's numbers. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, guarded, inputs, loadGolden, poison, reshape, sizeOf, swapLayout, tensorOf } from '../util.js';
import { attentionSuite, dims, lengths, throwsKind } from './harness.js';

/** Every form that is well conditioned on its inputs: a signed map is normalised on positive inputs only. */
const forms = [
  { featureMap: 'elu', normalize: true },
  { featureMap: 'elu', normalize: false },
  { featureMap: 'relu', normalize: true },
  { featureMap: 'relu', normalize: false },
  { featureMap: 'identity', normalize: false },
  { featureMap: 'identity', normalize: true, positive: true },
];

export function linear(name, make) {
  const test = attentionSuite(name, make);

  function matches(attention, { q, k, v }, options = {}, label = '') {
    const result = attention.linear(q, k, v, { ...options, out: poison(sizeOf([...q.shape.slice(0, 3), v.shape[3]])) });
    const expected = oracle.linear(q, k, v, options).o;
    assert.deepEqual(result.shape, expected.shape);
    assertClose(result, expected, { rule: 'linear', name: label });
  }

  const positive = ({ q, k, v }) => ({
    q: tensorOf(q.shape, (i) => Math.abs(q.data[i])),
    k: tensorOf(k.shape, (i) => Math.abs(k.data[i])),
    v,
  });

  for (const causal of [false, true]) {
    for (const { positive: onPositive, ...form } of forms) {
      const title = `${causal ? 'causal' : 'full'} ${form.featureMap} ${form.normalize ? 'normalised' : 'raw'}`;
      const draw = (shape) => (onPositive ? positive(inputs(shape)) : inputs(shape));

      test(`${title}: every length`, (attention) => {
        for (const T of lengths)
          matches(attention, draw({ heads: 2, T, dim: 12, valueDim: 9, seed: T }), { causal, ...form }, `length ${T}`);
      });

      test(`${title}: every dim and value dim`, (attention) => {
        for (const dim of dims) {
          matches(attention, draw({ T: 37, dim, valueDim: 6, seed: dim }), { causal, ...form }, `dim ${dim}`);
          matches(attention, draw({ T: 21, dim: 6, valueDim: dim, seed: dim }), { causal, ...form }, `valueDim ${dim}`);
        }
      });
    }

    const form = causal ? 'causal' : 'full';

    test(`${form}: a long sequence`, (attention) => {
      const qkv = inputs({ T: causal ? 10007 : 1031, dim: 8, make: gaussian });
      for (const normalize of [true, false]) matches(attention, qkv, { causal, normalize });
    });

    test(`${form}: large dims at lengths around the tile`, (attention) => {
      for (const [T, dim, valueDim] of [
        [65, 256, 256],
        [63, 255, 129],
        [17, 128, 255],
        [130, 65, 64],
      ]) {
        matches(attention, inputs({ T, dim, valueDim, make: gaussian }), { causal }, `${T}×${dim}×${valueDim}`);
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
      const qkv = inputs({ batch: 5, heads: 2, T: 67, dim: 8 });
      for (const keyLengths of [[0, 1, 33, 66, 67], Uint8Array.of(67, 64, 63, 0, 5)]) {
        for (const normalize of [true, false]) matches(attention, qkv, { causal, keyLengths, normalize });
      }
    });

    test(`${form}: scale and eps`, (attention) => {
      const qkv = inputs({ heads: 2, T: 40, dim: 9 });
      for (const normalize of [true, false]) {
        for (const scale of [0.25, 3]) matches(attention, qkv, { causal, scale, normalize }, `scale ${scale}`);
      }
      for (const eps of [0, 1e-3, 10]) matches(attention, qkv, { causal, eps, scale: 0.5 }, `eps ${eps}`);
    });

    test(`${form}: inputs of 80 and −80 side by side`, (attention) => {
      const extremes = [80, -80, 0, -30, 5, -1e-8, -0.5];
      const shape = [1, 2, 41, 6];
      const [q, k] = [3, 5].map((step) => tensorOf(shape, (i) => extremes[(i * step) % extremes.length]));
      for (const normalize of [true, false]) matches(attention, { q, k, v: gaussian(shape, 9) }, { causal, normalize });
    });

    test(`${form}: features of exp(−30) still weigh the values`, (attention) => {
      const [q, k] = [21, 22]
        .map((seed) => gaussian([1, 1, 50, 8], seed))
        .map((x) => tensorOf(x.shape, (i) => x.data[i] - 30));
      const v = gaussian([1, 1, 50, 8], 23);
      matches(attention, { q, k, v }, { causal, eps: 0 });
      matches(attention, { q, k, v }, { causal, normalize: false });
    });

    test(`${form}: batches`, (attention) =>
      matches(attention, inputs({ batch: 3, heads: 4, T: 19, dim: 7, valueDim: 11 }), { causal }));

    test(`${form}: layout 'bthd' gives the same bits, swapped`, (attention) => {
      const { q, k, v } = inputs({ batch: 2, heads: 6, kvHeads: 3, T: 47, dim: 8, valueDim: 5 });
      const swapped = attention.linear(swapLayout(q), swapLayout(k), swapLayout(v), {
        causal,
        layout: 'bthd',
        keyLengths: [47, 20],
      });
      assert.deepEqual(swapped.shape, [2, 47, 6, 5]);
      assertSame(swapLayout(swapped), attention.linear(q, k, v, { causal, keyLengths: [47, 20] }));
    });
  }

  test('full: more queries than keys, and fewer', (attention) => {
    for (const [Tq, Tk] of [
      [1, 64],
      [5, 129],
      [33, 71],
      [64, 65],
      [65, 64],
      [129, 3],
      [70, 1],
    ]) {
      matches(attention, inputs({ heads: 2, Tq, Tk, dim: 16, valueDim: 10 }), {}, `${Tq} queries, ${Tk} keys`);
    }
  });

  test('defaults: elu, full, normalised, scale 1, eps 1e-6', (attention) => {
    const { q, k, v } = inputs({ T: 20, dim: 6 });
    const spelled = { featureMap: 'elu', causal: false, normalize: true, scale: 1, eps: 1e-6 };
    assertSame(attention.linear(q, k, v), attention.linear(q, k, v, spelled));
  });

  test('a FeatureMap object gives the bits of its name', (attention) => {
    const { q, k, v } = inputs({ T: 20, dim: 6 });
    for (const featureMap of ['elu', 'relu', 'identity']) {
      const map = attention.featureMap(featureMap, { dim: 6 });
      assert.deepEqual([map.name, map.dim, map.features], [featureMap, 6, 6]);
      assertSame(
        attention.linear(q, k, v, { featureMap: map, normalize: false }),
        attention.linear(q, k, v, { featureMap, normalize: false }),
      );
    }
  });

  test('featureMap.apply is φ, of any rank and from resident tensors', (attention, keep) => {
    for (const featureMap of ['elu', 'relu', 'identity']) {
      const map = attention.featureMap(featureMap, { dim: 5 });
      for (const shape of [[5], [3, 5], [2, 3, 5], [2, 2, 3, 5], [0, 5]]) {
        const x = gaussian(shape, 3);
        const rows = Array.from({ length: sizeOf(shape) / 5 }, (_, i) =>
          Float64Array.from(x.data.subarray(i * 5, i * 5 + 5)),
        );
        const expected = oracle[featureMap](rows, { as: 'key', head: 0 }).flatMap((row) => [...row]);
        const result = map.apply(x);
        assert.deepEqual(result.shape, shape);
        assertClose(result, expected, { rule: 'linear' });
        assertSame(map.apply(x, { as: 'key' }), result);
        assertSame(map.apply(keep(attention.tensor(shape, x.data))), result);
      }
    }
  });

  test('relu without an active feature gives 0, not NaN', (attention) => {
    const { k, v } = inputs({ T: 9, dim: 4 });
    const q = tensorOf([1, 1, 9, 4], () => -1);
    for (const causal of [false, true])
      assertSame(attention.linear(q, k, v, { featureMap: 'relu', causal }).data.map(Math.abs), new Float32Array(36));
  });

  test('empty lengths: no query gives nothing, no key gives 0', (attention) => {
    const none = attention.linear(...Object.values(inputs({ heads: 2, Tq: 0, Tk: 5, dim: 4 })));
    assert.deepEqual([none.shape, none.data.length], [[1, 2, 0, 4], 0]);
    const both = attention.linear(...Object.values(inputs({ heads: 2, T: 0, dim: 4 })), { causal: true });
    assert.deepEqual([both.shape, both.data.length], [[1, 2, 0, 4], 0]);
    const { q, k, v } = inputs({ heads: 2, Tq: 3, Tk: 0, dim: 4 });
    for (const normalize of [true, false])
      assertSame(attention.linear(q, k, v, { normalize, out: poison(24) }), new Float32Array(24));
  });

  test('ranks 2 and 3 are promoted, and the result has the rank of q', (attention) => {
    const { q, k, v } = inputs({ heads: 3, T: 10, dim: 4, valueDim: 2 });
    const whole = attention.linear(q, k, v, { causal: true });
    const three = attention.linear(...[q, k, v].map((x) => reshape(x, x.shape.slice(1))), { causal: true });
    assert.deepEqual(three.shape, [3, 10, 2]);
    assertSame(three.data, whole.data);
    const firstHead = [q, k, v].map((x) => ({ data: x.data.subarray(0, 10 * x.shape[3]), shape: [10, x.shape[3]] }));
    const two = attention.linear(...firstHead, { causal: true });
    assert.deepEqual(two.shape, [10, 2]);
    assertSame(two.data, whole.data.subarray(0, 20));
  });

  test('out: a Float32Array is filled and nothing around it', (attention) => {
    for (const causal of [false, true]) {
      for (const T of [1, 5, 63, 65]) {
        const { q, k, v } = inputs({ heads: 2, T, dim: 5, valueDim: 3 });
        const { out, check } = guarded(2 * T * 3);
        const result = attention.linear(q, k, v, { causal, out });
        assert.equal(result.data, out);
        assertSame(out, attention.linear(q, k, v, { causal }).data);
        check();
      }
    }
  });

  test('out: a resident tensor is filled, returned, and nothing around it', (attention, keep) => {
    for (const causal of [false, true]) {
      const qkv = inputs({ heads: 2, T: 65, dim: 5, valueDim: 3 });
      const [q, k, v] = Object.values(qkv).map(({ data, shape }) => keep(attention.tensor(shape, data)));
      const below = keep(attention.tensor([64], new Float32Array(64).fill(7)));
      const out = keep(attention.tensor([1, 2, 65, 3], poison(390)));
      const above = keep(attention.tensor([64], new Float32Array(64).fill(7)));
      assert.equal(attention.linear(q, k, v, { causal, out }), out);
      assertSame(out.data, attention.linear(qkv.q, qkv.k, qkv.v, { causal }).data);
      for (const guard of [below, above]) assert.ok(guard.data.every((x) => x === 7));
      [q, k, v].forEach((x, i) => assertSame(x.data, Object.values(qkv)[i].data));
    }
  });

  for (const [
    title,
    {
      in: { q, k, v, initialState },
      out,
      params,
    },
  ] of loadGolden('golden')) {
    if (!title.startsWith('linear.')) continue;
    test(`golden ${title}`, (attention, keep) => {
      const { featureMap, causal, normalize, scale, keyLengths } = params;
      const [, heads, , dim] = k.shape;
      if (!causal)
        return assertClose(attention.linear(q, k, v, { featureMap, normalize, keyLengths }), out.o, { rule: 'golden' });
      const state = keep(
        attention.state({ batch: k.shape[0], heads, dim, valueDim: v.shape[3], featureMap, normalize, scale }),
      );
      if (initialState) state.set(initialState);
      assertClose(attention.linear(q, k, v, { causal, state }), out.o, { rule: 'golden', name: 'o' });
      assertClose(state.data, out.state, { rule: 'golden', name: 'S' });
      if (out.z) assertClose(state.keySum, out.z, { rule: 'golden', name: 'z' });
      if (!initialState)
        assertClose(attention.linear(q, k, v, { featureMap, causal, normalize }), out.o, {
          rule: 'golden',
          name: 'o without state',
        });
    });
  }

  test('a decay above 88 is refused with allowGrowth, and 88 is not', (attention) => {
    const { q, k, v } = inputs({ T: 3, dim: 2 });
    v.data.forEach((x, i) => (v.data[i] = x / 1000));
    const call = (decay) => attention.linear(q, k, v, { decay, allowGrowth: true });
    const growing = tensorOf([1, 1, 3], (t) => (t === 1 ? 88 : -88));
    assertClose(call(growing), oracle.linear(q, k, v, { causal: true, decay: growing }).o, { rule: 'exponents' });
    throwsKind(() => call(88.5), RangeError, /decay must be at most 88 .*, got 88.5 at element 0/);
    throwsKind(() => call(tensorOf([1, 1, 3, 2], (i) => (i === 4 ? Infinity : 0))), RangeError, /decay must be at most 88 .*, got Infinity at element 4/);
  });

  test('inputs of rank 2 are one head: a decay a head is a list of one', (attention) => {
    const [q, k, v] = Object.values(inputs({ T: 6, dim: 4 })).map((x) => reshape(x, [6, 4]));
    assertSame(attention.linear(q, k, v, { decay: [-0.5] }), attention.linear(q, k, v, { decay: -0.5 }));
    assertSame(attention.retention(q, k, v), attention.retention(q, k, v, { gamma: 1 - 2 ** -5 }));
  });

  test.run();
}
