/** gap() and weights() against float64, from whole Tq×Tk matrices. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, reshape, swapLayout, tensorOf } from '../util.js';
import { attentionSuite } from './harness.js';
import { mapCases, rowsOf2d } from './map_cases.js';

const measures = ['relativeError', 'maxError', 'cosine', 'meanValueError', 'weightKL', 'weightL1', 'weightError'];

export function gap(name, make) {
  const test = attentionSuite(name, make);

  /** Inputs on which every map gives positive weights: queries and keys are |x| + 0.1. */
  const positive = (shape) => {
    const { q, k, v } = inputs(shape);
    const [above, alsoAbove] = [q, k].map((x) => tensorOf(x.shape, (i) => Math.abs(x.data[i]) + 0.1));
    return { q: above, k: alsoAbove, v };
  };

  function matches(result, expected, rule = 'gap') {
    for (const key of measures) assertClose([result[key]], [expected[key]], { rule, name: key });
    assert.equal(result.perHead.length, expected.perHead.length);
    result.perHead.forEach((one, n) => {
      const { batch, head } = expected.perHead[n];
      assert.deepEqual([one.batch, one.head], [batch, head]);
      for (const key of measures)
        assertClose([one[key]], [expected.perHead[n][key]], {
          rule,
          name: `${key} of batch ${batch}, head ${head}`,
        });
    });
  }

  for (const { title, mapName, build } of mapCases) {
    // The weights of rff may be negative, and identity is below, on inputs of one sign.
    if (mapName === 'rff' || mapName === 'identity') continue;
    test(`gap: ${title}`, (attention, keep) => {
      const { options, reference } = build(8);
      const featureMap = keep(attention.featureMap(mapName, { dim: 8, ...options }));
      const { q, k, v } = positive({ batch: 2, heads: 3, T: 25, dim: 8, valueDim: 5 });
      for (const causal of [false, true]) {
        if (options.epsilon > 0 && causal) continue;
        const [result, expected] = [attention.gap(q, k, v, { featureMap, causal }), oracle.gap(q, k, v, { featureMap: reference, causal })];
        for (const key of measures) assertClose([result[key]], [expected[key]], { rule: 'map gap', name: key });
      }
    });
  }

  for (const featureMap of ['elu', 'relu', 'identity']) {
    for (const causal of [false, true]) {
      test(`gap: ${featureMap}, ${causal ? 'causal' : 'full'}`, (attention) => {
        // Not a single key: it has weight 1 either way, and the gap is then rounding.
        for (const shape of [
          { batch: 2, heads: 4, kvHeads: 2, T: 67, dim: 8, valueDim: 5 },
          { T: 130, dim: 33 },
          { T: 2, dim: 4 },
        ]) {
          const { q, k, v } = positive(shape);
          matches(attention.gap(q, k, v, { featureMap, causal }), oracle.gap(q, k, v, { featureMap, causal }));
        }
      });

      test(`weights: ${featureMap} and softmax, ${causal ? 'causal' : 'full'}`, (attention) => {
        for (const shape of [
          { batch: 2, heads: 4, kvHeads: 2, T: 67, dim: 8 },
          { T: 1, dim: 3 },
          { Tq: 5, Tk: 70, dim: 31 },
          { Tq: 66, Tk: 3, dim: 4 },
        ]) {
          const { q, k } = positive(shape);
          for (const options of [
            { kind: 'linear', featureMap, causal },
            { kind: 'softmax', causal },
            { kind: 'softmax', causal, scale: 0.125 },
          ]) {
            const w = attention.weights(q, k, options);
            const expected = oracle.weights(q, k, options);
            assert.deepEqual(w.shape, expected.shape);
            assertClose(w, expected, { rule: options.kind, name: options.kind });
            const Tk = k.shape[2];
            for (let row = 0; row < w.data.length; row += Tk) {
              const sum = w.data.subarray(row, row + Tk).reduce((a, b) => a + b, 0);
              assert.ok(Math.abs(sum - 1) < 1e-5, `row ${row / Tk} sums to ${sum}`);
            }
          }
        }
      });
    }
  }

  test('gap: elu on inputs of both signs, more queries than keys and fewer', (attention) => {
    for (const [Tq, Tk] of [
      [70, 70],
      [5, 66],
      [66, 5],
    ]) {
      const { q, k, v } = inputs({ heads: 2, Tq, Tk, dim: 16, valueDim: 4 });
      matches(attention.gap(q, k, v), oracle.gap(q, k, v));
    }
  });

  test('weights of no tokens are none, at once, however many heads there are', (attention) => {
    for (const [batch, heads] of [[1, 2 ** 31 - 1], [2 ** 31 - 1, 1]]) {
      const none = { data: new Float32Array(0), shape: [batch, heads, 0, 4] };
      for (const kind of ['softmax', 'linear']) {
        const start = performance.now();
        const { data, shape } = attention.weights(none, none, { kind });
        assert.equal(data.length, 0);
        assert.deepEqual(shape, [batch, heads, 0, 0]);
        assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
      }
    }
  });

  test('gap of no tokens, or of no batch, is nothing', (attention) => {
    for (const shape of [[1, 2, 0, 4], [0, 2, 3, 4]]) {
      const none = tensorOf(shape, () => 1);
      const { perHead, ...all } = attention.gap(none, none, none);
      for (const measures of [all, ...perHead]) {
        const { cosine, batch, head, ...errors } = measures;
        assert.equal(cosine, 1);
        for (const [what, error] of Object.entries(errors)) assert.equal(error, 0, what);
      }
      assert.equal(perHead.length, shape[0] * shape[1]);
    }
  });

  test('gap and weights of many keys', (attention) => {
    const { q, k, v } = inputs({ Tq: 5, Tk: 20011, dim: 8, make: gaussian });
    matches(attention.gap(q, k, v), oracle.gap(q, k, v));
    for (const kind of ['softmax', 'linear']) {
      assertClose(attention.weights(q, k, { kind }), oracle.weights(q, k, { kind }), {
        rule: kind,
        name: kind,
      });
    }
  });

  test('gap by hand: logits log 3 and 0 against features 2 and 1', (attention) => {
    // Softmax weighs 3/4 and 1/4; φ(q) = 2, φ(k) = 1 + log 3 and 1, so linear weighs (1 + log 3) : 1.
    const [q, k, v] = [[1], [Math.log(3), 0], [1, 0]].map((values) => ({
      data: Float32Array.from(values),
      shape: [1, 1, values.length, 1],
    }));
    const [a, b] = [(1 + Math.log(3)) / (2 + Math.log(3)), 1 / (2 + Math.log(3))];
    const result = attention.gap(q, k, v);
    const expected = {
      relativeError: (0.75 - a) / 0.75,
      maxError: 0.75 - a,
      cosine: 1,
      meanValueError: 1 / 3,
      weightKL: 0.75 * Math.log(0.75 / a) + 0.25 * Math.log(0.25 / b),
      weightL1: 2 * (0.75 - a),
      weightError: Math.sqrt((0.75 - a) ** 2 + (0.25 - b) ** 2) / Math.sqrt(0.625),
    };
    for (const key of measures)
      assert.ok(Math.abs(result[key] - expected[key]) < 3e-6, `${key}: ${result[key]}, expected ${expected[key]}`);
    const w = attention.weights(q, k, { kind: 'softmax' });
    assertClose(w, [0.75, 0.25], { rule: 'softmax' });
  });

  test('gap of a constant V is nothing, and so is the error of its mean', (attention) => {
    const { q, k } = inputs({ heads: 2, T: 70, dim: 8 });
    for (const causal of [false, true]) {
      const result = attention.gap(
        q,
        k,
        tensorOf([1, 2, 70, 8], () => 2.5),
        { causal },
      );
      assert.ok(
        result.relativeError < 3e-6 && result.meanValueError < 3e-6,
        `${result.relativeError}, ${result.meanValueError}`,
      );
      assert.ok(Math.abs(result.cosine - 1) < 1e-6);
      assert.ok(result.weightL1 > 0.01 && result.weightKL > 0);
    }
  });

  test('gap: eps, scale and softmaxScale are those of all measures of a row', (attention) => {
    const { q, k, v } = positive({ batch: 2, heads: 4, kvHeads: 2, T: 37, dim: 8, valueDim: 5 });
    for (const options of [{ eps: 0 }, { eps: 3 }, { scale: 0.125 }, { scale: 0.01, eps: 0.5 }, { softmaxScale: 1 }, { scale: -2, eps: 0.125 }, { scale: 2, softmaxScale: 0.1, eps: 0.25 }]) {
      // Weights that do not sum to 1 add a logarithm to weightKL, which may leave little of it.
      for (const causal of [false, true]) matches(attention.gap(q, k, v, { ...options, causal }), oracle.gap(q, k, v, { ...options, causal }), 'map gap');
    }
    const expected = attention.linear(q, k, v, { scale: 0.01, eps: 0.5 });
    const softmax = attention.softmax(q, k, v, { scale: 0.2 });
    const squares = (data) => data.reduce((sum, x) => sum + x * x, 0);
    const error = Math.sqrt(squares(Array.from(expected.data, (x, i) => x - softmax.data[i])) / squares(Array.from(softmax.data)));
    assertClose([attention.gap(q, k, v, { scale: 0.01, eps: 0.5, softmaxScale: 0.2 }).relativeError], [error], { rule: 'gap' });
  });

  test('gap of maps that keep exponents, with eps', (attention, keep) => {
    const { q, k, v } = inputs({ heads: 2, T: 20, dim: 6 });
    const long = (x) => tensorOf(x.shape, (i) => 4 * x.data[i]);
    const projection = gaussian([12, 6], 3);
    const featureMap = keep(attention.featureMap('favor', { dim: 6, projection }));
    const reference = oracle.favor({ omega: rowsOf2d(projection) });
    for (const causal of [false, true]) {
      for (const eps of [0, 0.01, 2]) {
        const [result, expected] = [attention.gap(long(q), long(k), v, { featureMap, causal, eps }), oracle.gap(long(q), long(k), v, { featureMap: reference, causal, eps })];
        for (const key of measures) assertClose([result[key]], [expected[key]], { rule: 'map gap', name: `${key}, eps ${eps}` });
      }
    }
  });

  test('gap of V = 0: nothing is off, and weights are compared all the same', (attention) => {
    const { q, k, v } = positive({ heads: 2, T: 9, dim: 4 });
    const zero = tensorOf(v.shape, () => 0);
    const result = attention.gap(q, k, zero);
    const expected = attention.gap(q, k, v);
    assert.deepEqual([result.relativeError, result.maxError, result.cosine, result.meanValueError], [0, 0, 1, 0]);
    assert.deepEqual([result.weightKL, result.weightL1, result.weightError], [expected.weightKL, expected.weightL1, expected.weightError]);
  });

  test('gap: a zero linear weight under a positive softmax weight is an infinite KL', (attention) => {
    const q = tensorOf([1, 1, 2, 2], () => 1);
    const k = tensorOf([1, 1, 3, 2], (i) => (i < 2 ? -1 : 1));
    const v = tensorOf([1, 1, 3, 2], (i) => i);
    const result = attention.gap(q, k, v, { featureMap: 'relu' });
    assert.equal(result.weightKL, Infinity);
    assert.ok(Number.isFinite(result.weightL1) && Number.isFinite(result.relativeError));
  });

  test('gap and weights: layouts, ranks and resident tensors agree', (attention, keep) => {
    const { q, k, v } = inputs({ heads: 3, T: 33, dim: 6, valueDim: 4 });
    const expected = attention.gap(q, k, v, { causal: true });
    const swapped = [q, k, v].map(swapLayout);
    const resident = [q, k, v].map((x) => keep(attention.tensor(x.shape, x.data)));
    const three = [q, k, v].map((x) => reshape(x, x.shape.slice(1)));
    assert.deepEqual(attention.gap(...swapped, { causal: true, layout: 'bthd' }), expected);
    assert.deepEqual(attention.gap(...resident, { causal: true }), expected);
    assert.deepEqual(attention.gap(...three, { causal: true }), expected);
    const options = { kind: 'linear', causal: true };
    const w = attention.weights(q, k, options);
    assertSame(attention.weights(swapped[0], swapped[1], { ...options, layout: 'bthd' }).data, w.data);
    assertSame(attention.weights(resident[0], resident[1], options).data, w.data);
    assertSame(attention.weights(three[0], three[1], options).data, w.data);
  });

  test('gap: a shared feature map gives what its name gives', (attention) => {
    const { q, k, v } = inputs({ T: 20, dim: 6 });
    const featureMap = attention.featureMap('elu', { dim: 6 });
    assert.deepEqual(attention.gap(q, k, v, { featureMap }), attention.gap(q, k, v));
    assertSame(attention.weights(q, k, { kind: 'linear', featureMap }), attention.weights(q, k, { kind: 'linear' }));
  });

  test.run();
}
