/** Options that calls take beside those that are declared: a call that is given another option lists those it knows. */
import assert from 'node:assert';
import { suite } from 'uvu';
import * as learn from '../web/learn.js';
import * as nn from '../web/nn.js';
import { LinearAttention } from '../web/onnx.js';
import { membersOf, readDeclarations } from './read_declarations.js';
import { gaussian } from './util.js';

const test = suite('known options');
const declarations = await readDeclarations();
const attention = await learn.createAttention({ build: 'simd' });
const x = gaussian([1, 1, 2, 4], 1);
const token = gaussian([1, 4], 1);
const state = attention.state({ heads: 1, dim: 4 });
const map = attention.featureMap('elu', { dim: 4 });
const parameter = attention.tensor([4]);
const other = { unheardOf: 1 };

/** By the declared types of their options, calls with an option that there is not. */
const CALLS = [
  ['CreateOptions', () => learn.createAttention(other)],
  ['SoftmaxOptions', () => attention.softmax(x, x, x, other)],
  ['SoftmaxPartOptions', () => attention.softmaxPart(x, x, x, other)],
  ['LinearOptions', () => attention.linear(x, x, x, other)],
  ['AbsorbOptions', () => attention.absorb(x, x, other)],
  ['RetentionOptions', () => attention.retention(x, x, x, other)],
  ['Mamba2Options', () => attention.mamba2(x, x, [1], x, x, other)],
  ['PresetOptions GateOptions', () => attention.gla(x, x, x, other)],
  ['PresetOptions DeltaOptions', () => attention.deltaNet(x, x, x, other)],
  ['PresetOptions GateOptions DeltaOptions', () => attention.gatedDeltaNet(x, x, x, other)],
  ['PresetOptions GateOptions DeltaOptions', () => attention.kda(x, x, x, other)],
  ...['elu', 'relu', 'identity', 'taylor'].map((name) => ['FeatureMapOptions', () => attention.featureMap(name, other)]),
  ...['favor', 'rff', 'dpfp', 'hedgehog', 'learned', 'cosformer'].map((name) => [`${name[0].toUpperCase()}${name.slice(1)}Options`, () => attention.featureMap(name, other)]),
  ['FeatureMapApplyOptions', () => map.apply(x, other)],
  ['StateOptions', () => attention.state(other)],
  ['StepOptions', () => state.step(token, token, token, other)],
  ['CacheOptions', () => attention.cache(other)],
  ['GapOptions', () => attention.gap(x, x, x, other)],
  ['WeightsOptions', () => attention.weights(x, x, other)],
  ['DenseOptions', () => nn.dense(attention, other)],
  ['LayerNormOptions', () => nn.layerNorm(attention, other)],
  ['SamplerOptions', () => nn.sampler(attention, other)],
  ['SafetensorsContent', () => nn.writeSafetensors(other)],
  ['LinearAttentionInputs', () => LinearAttention(attention, other, {})],
  ['LinearAttentionAttributes', () => LinearAttention(attention, { query: x, key: x, value: x }, other)],
  ['LinearGradientOptions', () => learn.linearGradient(attention, x, x, x, x, other)],
  ['SoftmaxGradientOptions', () => learn.softmaxGradient(attention, x, x, x, x, other)],
  ['WeightsGradientOptions', () => learn.weightsGradient(attention, x, x, other)],
  ['AdamOptions', () => learn.adam(attention, [parameter], other)],
  ['DistillOptions', () => learn.distill(attention, { q: x, k: x, v: x }, other)],
];

test('every type of options that is declared has a call here', () => {
  const tried = new Set(CALLS.flatMap(([types]) => types.split(' ')));
  const declared = declarations.filter(({ name, isExported }) => isExported && /(Options|Inputs|Attributes|Content)$/.test(name) && !/^(Async|CallOptions)/.test(name));
  assert.deepEqual(declared.map(({ name }) => name).filter((name) => !tried.has(name)), []);
});

for (const [i, [types, call]] of CALLS.entries()) {
  test(`${types} (${i})`, async () => {
    const error = await (async () => call())().then(() => null, (thrown) => thrown);
    assert.ok(error instanceof TypeError, String(error));
    const [, known] = /unknown option 'unheardOf'; known options: (.*)$/.exec(error.message) ?? [];
    assert.ok(known, error.message);
    const declared = types.split(' ').flatMap((name) => [...membersOf(declarations, name).keys()]);
    assert.deepEqual(known.split(', ').sort(), [...new Set(declared)].sort());
  });
}

test.after(() => attention.dispose());

test.run();
