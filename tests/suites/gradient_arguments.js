/** What the gradients refuse beside what the calls refuse that they are of; tests/invalid.test.js spoils every argument. */
import assert from 'node:assert';
import { linearGradient, softmaxGradient, weightsGradient } from '../../web/learn.js';
import { assertSame } from '../tolerance.js';
import { gaussian, inputs, tensorOf } from '../util.js';
import { attentionSuite, throwsCode, throwsKind } from './harness.js';

export function gradientArguments(name, make) {
  const test = attentionSuite(name, make);
  const { q, k, v } = inputs({ batch: 2, heads: 4, kvHeads: 2, T: 6, dim: 4, valueDim: 3 });
  const dOut = gaussian([2, 4, 6, 3], 4);
  const gradient = (attention, options, d = dOut) => linearGradient(attention, q, k, v, d, options);

  test('dOut has the shape of the result', (attention) => {
    for (const run of [linearGradient, softmaxGradient]) {
      const wrong = (d, kind, pattern) => throwsKind(() => run(attention, q, k, v, d), kind, pattern);
      wrong(v, RangeError, /dOut must have shape \[2, 4, 6, 3\], as the result has, got \[2, 2, 6, 3\]/);
      wrong({ data: dOut.data, shape: [8, 6, 3] }, RangeError, /dOut must have shape \[2, 4, 6, 3\]/);
      wrong(undefined, TypeError, /dOut must be a tensor/);
      wrong({ data: dOut.data.slice(1), shape: dOut.shape }, RangeError, /dOut\.data must be of length 144/);
    }
    const flat = inputs({ T: 5, dim: 4 });
    const two = ({ data }) => ({ data, shape: [5, 4] });
    assert.deepEqual(softmaxGradient(attention, two(flat.q), two(flat.k), two(flat.v), two(flat.v)).dk.shape, [5, 4]);
  });

  test('options that no gradient has are named', (attention, keep) => {
    throwsKind(() => gradient(attention, { out: new Float32Array(144) }), TypeError, /linearGradient: unknown option 'out'/);
    const cache = keep(attention.cache({ batch: 2, heads: 2, dim: 4, valueDim: 3, maxLength: 9 }));
    throwsKind(() => softmaxGradient(attention, q, k, v, dOut, { cache }), TypeError, /softmaxGradient: unknown option 'cache'/);
    throwsKind(() => weightsGradient(attention, q, k, { kind: 'linear' }), TypeError, /weightsGradient: unknown option 'kind'/);
  });

  test('gradients of a final state have its shape, and there is one of the key sum where there is a key sum', (attention, keep) => {
    const dFinalState = gaussian([2, 2, 4, 3], 5);
    const dFinalKeySum = gaussian([2, 2, 4], 6);
    const wrong = (options, kind, pattern) => throwsKind(() => gradient(attention, { causal: true, ...options }), kind, pattern);
    wrong({ dFinalState: gaussian([2, 2, 3, 4], 1) }, RangeError, /dFinalState must have shape \[2, 2, 4, 3\], got \[2, 2, 3, 4\]/);
    wrong({ dFinalState: new Float32Array(47) }, RangeError, /dFinalState must have shape \[2, 2, 4, 3\], got \[47\]/);
    wrong({ dFinalKeySum: dFinalState }, RangeError, /dFinalKeySum must have shape \[2, 2, 4\]/);
    wrong({ dFinalKeySum, normalize: false }, TypeError, /dFinalKeySum must not be given: this call is not normalised/);
    wrong({ dFinalState: [1] }, TypeError, /dFinalState must be a tensor/);
    assertSame(gradient(attention, { causal: true, dFinalState: dFinalState.data, dFinalKeySum: dFinalKeySum.data }).dk, gradient(attention, { causal: true, dFinalState, dFinalKeySum }).dk);
    const state = keep(attention.state({ batch: 2, heads: 2, dim: 4, valueDim: 3, featureMap: 'identity', normalize: false }));
    assert.deepEqual(Object.keys(gradient(attention, { causal: true, state })), ['dq', 'dk', 'dv', 'dState']);
    const map = keep(attention.featureMap('favor', { dim: 4, features: 6, epsilon: 1e-3 }));
    assert.deepEqual(Object.keys(gradient(attention, { causal: true, featureMap: map })), ['dq', 'dk', 'dv']);
    wrong({ featureMap: map, dFinalState: gaussian([2, 2, 6, 3], 5) }, RangeError, /featureMap must have epsilon 0 for gradients of a state, got 0\.001/);
  });

  test('gates that no number is, or above 0, are named', (attention) => {
    const decay = tensorOf([2, 2, 6], (i) => (i === 17 ? 0.25 : -0.5));
    throwsKind(() => gradient(attention, { decay }), RangeError, /decay must be at most 0 .* got 0\.25 at element 17/);
    throwsKind(() => gradient(attention, { beta: NaN }), RangeError, /beta must be finite numbers, got NaN/);
    throwsKind(() => gradient(attention, { decay: -1, causal: false }), RangeError, /causal attention only/);
    assert.ok(gradient(attention, { decay: 0.25, allowGrowth: true }).dDecay.data.every(Number.isFinite));
  });

  test('of softmax, biasGradient needs a bias, and windows a causal mask', (attention) => {
    const of = (options) => softmaxGradient(attention, q, k, v, dOut, options);
    const wrong = (options, kind, pattern) => throwsKind(() => of(options), kind, pattern);
    wrong({ biasGradient: true }, RangeError, /biasGradient needs bias/);
    wrong({ biasGradient: 1 }, TypeError, /biasGradient must be a boolean/);
    wrong({ window: 2, causal: false }, RangeError, /causal must be true with window, got false/);
    wrong({ sinks: 2 }, RangeError, /sinks needs window/);
    wrong({ bias: gaussian([4, 6, 5], 1) }, RangeError, /bias must have shape \[4 or 1, 6, 6\]/);
    wrong({ sequences: [0, 4] }, RangeError, /sequences must end with 6/);
    wrong({ lengths: [7, 1] }, RangeError, /lengths\[0\] must be/);
    wrong({ cache: attention }, TypeError, /unknown option 'cache'/);
    assert.deepEqual(Object.keys(of({ bias: [1, 2, 3, 4] })), ['dq', 'dk', 'dv']);
    const slopes = { data: Float32Array.of(1, 2, 3, 4), shape: [4] };
    for (const bias of [slopes, [1, 2, 3, 4]]) assert.deepEqual(of({ bias, biasGradient: true }).dBias.shape, [4]);
    assertSame(of({ bias: slopes, biasGradient: true }).dBias, of({ bias: [1, 2, 3, 4], biasGradient: true }).dBias);
  });

  test('weightsGradient takes maps with weights, and causal as many queries as keys', (attention, keep) => {
    const wrong = (featureMap, kind, pattern, options) => throwsKind(() => weightsGradient(attention, q, k, { featureMap, ...options }), kind, pattern);
    for (const featureMap of [undefined, 'elu', 'hedgehog']) wrong(featureMap, TypeError, /featureMap must be a FeatureMap of 'hedgehog' or 'learned'/);
    const map = keep(attention.featureMap('hedgehog', { dim: 4, weights: gaussian([4, 4], 1) }));
    wrong(keep(attention.featureMap('favor', { dim: 4 })), RangeError, /featureMap\.name must be one of 'hedgehog', 'learned', got "favor"/);
    wrong(keep(attention.featureMap('hedgehog', { dim: 5 })), RangeError, /featureMap must take vectors of dim 4, got one for dim 5/);
    wrong(keep(attention.featureMap('hedgehog', { dim: 4, heads: 4 })), RangeError, /featureMap must be for 1 head or the 2 of k, got one for 4/);
    const short = inputs({ batch: 2, heads: 2, T: 3, dim: 4 });
    throwsKind(() => weightsGradient(attention, q, short.k, { featureMap: map, causal: true }), RangeError, /as many queries as keys, got 6 and 3/);
    assert.deepEqual(Object.keys(weightsGradient(attention, q, short.k, { featureMap: map })), ['loss', 'dWeights']);
    // Of a map without weights of its own there is the loss alone.
    assert.deepEqual(Object.keys(weightsGradient(attention, q, k, { featureMap: keep(attention.featureMap('hedgehog', { dim: 4 })) })), ['loss']);
  });

  test('what was disposed of, or belongs to another instance', async (attention, keep) => {
    const other = await make();
    const state = other.state({ batch: 2, heads: 2, dim: 4, valueDim: 3 });
    throwsKind(() => gradient(attention, { causal: true, state }), RangeError, /state must belong to this attention instance/);
    throwsKind(() => linearGradient(attention, other.tensor([2, 4, 6, 4]), k, v, dOut), RangeError, /q must belong to this attention instance/);
    const map = attention.featureMap('learned', { dim: 4, weights: gaussian([4, 4], 1) });
    map.dispose();
    throwsCode(() => gradient(attention, { featureMap: map }), 'disposed');
    other.dispose();
    throwsCode(() => gradient(other), 'disposed');
    const tensor = keep(attention.tensor(dOut.shape, dOut.data));
    assertSame(gradient(attention, {}, tensor).dq, gradient(attention).dq);
    assertSame(gradient(attention, {}, { data: tensor.data, shape: tensor.shape }).dq, gradient(attention).dq);
  });

  test.run();
}
