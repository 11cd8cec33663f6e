/** Gradients that add up very many tokens, and weights of more keys than a block of pairs has. */
import assert from 'node:assert';
import { linearGradient, weightsGradient } from '../../web/learn.js';
import * as oracle from '../oracle/gradients.js';
import { differentiableMap } from '../oracle/map_gradients.js';
import { assertClose } from '../tolerance.js';
import { gaussian, tensorOf } from '../util.js';
import { attentionSuite } from './harness.js';

export function gradientSums(name, make) {
  const test = attentionSuite(name, make);

  test('tokens that repeat, 131,072 of them: sums keep their digits', (attention) => {
    const [T, width] = [2 ** 17, 3];
    const [q, k, v, dOut] = [1, 2, 3, 4].map((seed) => gaussian([1, 1, 1, width], seed));
    const many = (x, factor = 1) => {
      const data = new Float64Array(T * width);
      for (let i = 0; i < data.length; i++) data[i] = factor * x.data[i % width];
      return { data, shape: [1, 1, T, width] };
    };
    const dot = (a, b) => a.data.reduce((sum, x, i) => sum + x * b.data[i], 0);
    const actual = linearGradient(attention, ...[q, k, v, dOut].map((x) => tensorOf([1, 1, T, width], (i) => x.data[i % width])), { featureMap: 'identity', normalize: false });
    // dq = S·do, dk = R·v and dv = Rᵀk, S and R sums of as many equal products.
    const expected = { dq: [k, dot(v, dOut)], dk: [q, dot(v, dOut)], dv: [dOut, dot(q, k)] };
    for (const [what, [x, factor]] of Object.entries(expected)) {
      assertClose(actual[what], many(x, T * factor), { rule: 'linear', name: what });
    }
  });

  for (const causal of [true, false]) {
    test(`weights of several blocks of keys, whose maxima rise, fall and stay, ${causal ? 'causal' : 'full'}: as the oracle says`, (attention, keep) => {
      const [T, dim] = [260, 4];
      // By their first elements scores of a query rise with the keys, fall with them, or do not change.
      const along = (x, of) => tensorOf(x.shape, (i) => (i % dim === 0 ? of(Math.floor(i / dim)) : x.data[i]));
      const q = along(gaussian([1, 1, T, dim], 1, 0.7), (t) => (t % 3) - 1);
      const k = along(gaussian([1, 1, T, dim], 2, 0.7), (t) => t / 12);
      const options = { dim, weights: gaussian([dim, 3], 3, 0.2), bias: gaussian([3], 4) };
      const featureMap = keep(attention.featureMap('hedgehog', options));
      const { loss, ...g } = weightsGradient(attention, q, k, { featureMap, causal });
      const gradientsOf = (isFixed) => oracle.weightsGradient(q, k, { map: differentiableMap('hedgehog', { ...options, isFixed }), causal });
      const expected = gradientsOf(false);
      assertClose([loss], [expected.loss], { rule: 'gradient', name: 'loss' });
      for (const [what, array] of [['dWeights', 'weights'], ['dBias', 'bias']]) assertClose(g[what], expected.dMap[array], { rule: 'gradient', name: what, beside: () => gradientsOf(true).dMap[array] });
    });
  }

  test('a pair that neither softmax nor the map gives any weight tells nothing, and is no NaN', (attention, keep) => {
    // Key 1 shares no feature with the query, and its score is thousands below that of keys 0 and 2.
    const q = tensorOf([1, 1, 1, 2], () => 1);
    const k = { data: Float32Array.of(1, 0.5, -4000, 0, 0.5, 1), shape: [1, 1, 3, 2] };
    const options = { dim: 2, weights: { data: Float32Array.of(1, 0.5, 0.25, 1), shape: [2, 2] } };
    const featureMap = keep(attention.featureMap('learned', options));
    const actual = weightsGradient(attention, q, k, { featureMap });
    const expected = oracle.weightsGradient(q, k, { map: differentiableMap('learned', options) });
    assert.ok(Number.isFinite(expected.loss) && expected.dMap.weights.data.every(Number.isFinite));
    assertClose([actual.loss], [expected.loss], { rule: 'gradient', name: 'loss' });
    assertClose(actual.dWeights, expected.dMap.weights, { rule: 'gradient', name: 'dWeights' });
  });

  test.run();
}
