/** Defaults that hover texts tell: to give such a value changes nothing. The reference tells the same (reference.test.js). */
import assert from 'node:assert';
import { suite } from 'uvu';
import * as learn from '../web/learn.js';
import * as nn from '../web/nn.js';
import { LinearAttention } from '../web/onnx.js';
import { defaultIn, membersOf, readDeclarations } from './read_declarations.js';
import { gaussian } from './util.js';

const test = suite('defaults');
const declarations = await readDeclarations();
const attention = await learn.createAttention({ build: 'simd' });
const [q, k, v, dOut] = [1, 2, 3, 4].map((seed) => gaussian([1, 2, 5, 4], seed));
const weights = gaussian([4, 6], 5);
const learned = attention.featureMap('learned', { dim: 4, activation: 'exp', weights });
const features = (name, more) => (o) => attention.featureMap(name, { dim: 4, ...more, ...o }).apply(k, { as: 'key' });
const packed = (seed, width) => gaussian([1, 5, width], seed);

/** What a step of Adam makes of a parameter; two, so that what is kept of the gradients counts. */
function stepped(o) {
  const parameter = attention.tensor([4], [1, 2, 3, 4]);
  const optimizer = learn.adam(attention, [parameter], o);
  for (const seed of [1, 2]) optimizer.step([gaussian([4], seed)]);
  return Array.from(parameter.data);
}

const fields = (object, ...names) => names.map((name) => object[name]);

/** By the declared type of its options, calls that their options change, and what is given beside the one that is tried. */
const CALLS = [
  ['SoftmaxOptions', (o) => attention.softmax(q, k, v, o)],
  ['LinearOptions', (o) => attention.linear(q, k, v, o)],
  ['AbsorbOptions', (o) => attention.absorb(k, v, { state: attention.state({ heads: 2, dim: 4 }), ...o }).data],
  ['RetentionOptions', (o) => attention.retention(q, k, v, o)],
  ['Mamba2Options', (o) => attention.mamba2(v, { data: q.data.slice(0, 10).map(Math.abs), shape: [1, 2, 5] }, [-1, -2], k, q, o)],
  ['GateOptions', (o) => attention.gla(q, k, v, { alpha: 0.5, ...o })],
  ['DeltaOptions', (o) => attention.deltaNet(q, k, v, { beta: 0.5, ...o })],
  ['GapOptions', (o) => attention.gap(q, k, v, o)],
  ['WeightsOptions', (o) => attention.weights(q, k, { kind: 'softmax', ...o })],
  ['WeightsOptions', (o) => attention.weights(q, k, { kind: 'linear', ...o })],
  ['FavorOptions', features('favor')],
  ['RffOptions', features('rff')],
  ['DpfpOptions', features('dpfp')],
  ['HedgehogOptions', features('hedgehog')],
  ['LearnedOptions', features('learned', { weights })],
  ['FeatureMapApplyOptions', (o) => attention.featureMap('cosformer', { dim: 4, maxLength: 9 }).apply(k, o)],
  ['FeatureMapApplyOptions', (o) => attention.featureMap('learned', { dim: 4, weights, keyWeights: gaussian([4, 6], 6) }).apply(k, o)],
  ['StateOptions', (o) => fields(attention.state({ heads: 2, dim: 4, ...o }), 'batch', 'valueDim', 'normalize', 'scale', 'eps', 'history', 'transition', 'start')],
  ['StateOptions', (o) => attention.state({ heads: 2, dim: 4, ...o }).featureMap.name],
  ['CacheOptions', (o) => fields(attention.cache({ heads: 2, dim: 4, window: 3, ...o }), 'batch', 'valueDim', 'sinks')],
  ['DenseOptions', (o) => nn.dense(attention, { weight: weights, ...o }).apply(gaussian([1, 6], 7))],
  ['LayerNormOptions', (o) => nn.layerNorm(attention, { weight: gaussian([4], 8), bias: gaussian([4], 9), ...o }).apply(gaussian([1, 4], 7))],
  ['SamplerOptions', (o) => fields(nn.sampler(attention, o), 'batch', 'seed', 'stream', 'temperature')],
  ['LinearAttentionAttributes', (o) => LinearAttention(attention, { query: packed(1, 8), key: packed(2, 8), value: packed(3, 8), decay: gaussian([1, 5, 2], 4), beta: gaussian([1, 5, 2], 5) }, { q_num_heads: 2, kv_num_heads: 2, ...o })],
  ['LinearGradientOptions', (o) => learn.linearGradient(attention, q, k, v, dOut, o)],
  ['SoftmaxGradientOptions', (o) => learn.softmaxGradient(attention, q, k, v, dOut, o)],
  ['WeightsGradientOptions', (o) => learn.weightsGradient(attention, q, k, { featureMap: learned, ...o })],
  ['AdamOptions', stepped],
  ['DistillOptions', async (o) => {
    const example = Object.fromEntries(Object.entries({ q, k, v }).map(([name, { data }]) => [name, { data, shape: [2, 5, 4] }]));
    const { featureMap } = await learn.distill(attention, Array.from({ length: 6 }, () => example), { steps: 2, ...o });
    return fields(featureMap, 'name', 'features').concat(featureMap.weights.weights.data.join());
  }],
];

/** What is given beside an option, with and without it: options have a say in the defaults of others. */
const BESIDE = { 'SoftmaxOptions.causalOffset': { causal: true }, 'SoftmaxOptions.sinks': { causal: true }, 'SoftmaxGradientOptions.causalOffset': { causal: true }, 'SoftmaxGradientOptions.sinks': { causal: true }, 'DistillOptions.activation': { map: 'learned' } };

/** A default that stands for a number a row, a head or a column, as long as these calls want it. */
const lists = (type, name, value) => {
  const size = { starts: 1, dtBias: 2, bias: { HedgehogOptions: 4, LearnedOptions: 6, DenseOptions: 4 }[type] }[name];
  const data = new Float32Array(size ?? 0).fill(value);
  return size === undefined ? value : name === 'bias' ? { data, shape: [size] } : data;
};

/** What costs too much to try, or is a tensor of the call's own sizes. */
const NOT_TRIED = new Set(['DistillOptions.steps', 'LinearGradientOptions.dFinalState', 'LinearGradientOptions.dFinalKeySum']);

/** The value that a default is, where it is one: behind `or`, the one that counts without a state and other options. */
function valueOf(told) {
  const [, text] = /^(?:the state's, or |of mamba2 )?(false|true|'\w+'|dim|4·dim|1\/√dim|\d[\d.e-]*)(?:$|, or |, of )/.exec(told?.replaceAll('`', '') ?? '') ?? [];
  if (text === undefined) return undefined;
  const named = { false: false, true: true, dim: 4, '4·dim': 16, '1/√dim': 0.5 };
  return text in named ? named[text] : text.startsWith("'") ? text.slice(1, -1) : Number(text);
}

test('defaults that are values are read', () => {
  const told = ['false', "`'elu'`", '1e-6', "the state's, or 1/√dim, of mamba2 1", 'false, or true with decay or beta', '4·dim, or what projection makes', 'all'];
  assert.deepEqual(told.map(valueOf), [false, 'elu', 1e-6, 0.5, false, 16, undefined]);
});

let tried = 0;
for (const [i, [type, call]] of CALLS.entries()) {
  test(`${type} (${i})`, async () => {
    for (const [name, variants] of membersOf(declarations, type)) {
      const told = variants.map(({ comment }) => defaultIn(comment)).find((one) => one !== undefined);
      const value = type === 'Mamba2Options' && name === 'scale' ? 1 : valueOf(told);
      if (value === undefined || NOT_TRIED.has(`${type}.${name}`)) continue;
      const beside = BESIDE[`${type}.${name}`] ?? {};
      assert.deepEqual(await call({ ...beside, [name]: lists(type, name, value) }), await call(beside), `${type}.${name}: ${value}`);
      tried += 1;
    }
  });
}

test('most of them are values', () => assert.ok(tried > 80, `${tried}`));

test.after(() => attention.dispose());

test.run();
