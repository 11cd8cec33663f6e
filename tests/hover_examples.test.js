/** The examples in hover texts, web/*.d.ts: each runs with what its names stand for. */
import assert from 'node:assert';
import { suite } from 'uvu';
import * as learn from '../web/learn.js';
import * as inWorker from '../web/learn_worker.js';
import * as nn from '../web/nn.js';
import { LinearAttention } from '../web/onnx.js';
import { readDeclarations } from './read_declarations.js';
import { gaussian } from './util.js';

const test = suite('examples in hover texts');
const AsyncFunction = (async () => {}).constructor;
const attention = await learn.createAttention({ build: 'simd' });

/** Random arrays by their names, all of one shape. */
const arrays = (names, shape) => Object.fromEntries(names.split(' ').map((name, seed) => [name, gaussian(shape, seed)]));
const negative = (shape) => {
  const { data } = gaussian(shape, 9);
  return { data: data.map((x) => -Math.abs(x)), shape };
};

const heads = () => ({ ...arrays('q k v k1 v1 k2 v2 dOut B C', [1, 2, 5, 4]), gates: negative([1, 2, 5, 4]), x: gaussian([1, 2, 5, 3], 1), dt: gaussian([1, 2, 5], 2) });
const learned = () => attention.featureMap('learned', { dim: 4, weights: gaussian([4, 6], 1), bias: gaussian([6], 2) });

function stateContext() {
  const state = attention.state({ batch: 3, heads: 2, dim: 4, history: 4 });
  const tokens = arrays('q k v', [3, 2, 4]);
  for (let i = 0; i < 2; i++) state.step(tokens.q, tokens.k, tokens.v);
  const part = (start) => attention.absorb(gaussian([2, 5, 4], 1), gaussian([2, 5, 4], 2), { state: attention.state({ heads: 2, dim: 4, transition: true, start }) });
  return { ...tokens, state, saved: { S: state.data, z: state.keySum }, rejected: 1, earlier: part(0), later: part(5), before: state.clone() };
}

function cacheContext() {
  const cache = attention.cache({ batch: 3, heads: 2, dim: 4, maxLength: 9 });
  const { q, k, v } = arrays('q k v', [3, 2, 5, 4]);
  attention.softmax(q, k, v, { cache });
  return { cache, prompt: cache.clone(), rejected: 2 };
}

/** By declaration or member, what an example's names stand for. */
const CONTEXTS = {
  Attention: () => ({ ...heads(), state: attention.state({ heads: 2, dim: 4 }) }),
  'Attention.restore': () => ({ bytes: attention.state({ heads: 2, dim: 4 }).save() }),
  'Attention.restoreMap': () => ({ bytes: learned().save() }),
  'Attention.restoreCache': () => ({ bytes: attention.cache({ heads: 2, dim: 4, maxLength: 3 }).save() }),
  State: stateContext,
  Cache: cacheContext,
  FeatureMap: () => ({ map: learned(), ...heads() }),
  Dense: () => ({ projection: nn.dense(attention, { weight: gaussian([48, 4], 1) }), x: gaussian([2, 4], 2), ...Object.fromEntries(['q', 'k', 'v'].map((name) => [name, attention.tensor([2, 16])])) }),
  Sampler: () => ({ draws: nn.sampler(attention), logits: gaussian([5], 1) }),
  Optimizer: () => ({ optimizer: learn.adam(attention, [attention.tensor([4, 6]), attention.tensor([6])]), dWeights: gaussian([4, 6], 1), dBias: gaussian([6], 2) }),
  adam: () => ({ weights: new Float32Array(64 * 64) }),
  weightsGradient: () => ({ ...heads(), map: learned() }),
  LinearAttention: () => ({ ...arrays('query key value', [1, 5, 32]), decay: negative([1, 5, 8]), beta: gaussian([1, 5, 8], 3) }),
  readSafetensors: () => ({ response: new Response(nn.writeSafetensors({ tensors: { x: gaussian([2], 1) } })) }),
  writeSafetensors: () => ({ data: new Float32Array(8) }),
  distill: () => arrays('q k v', [2, 5, 4]),
  'learn_worker.d.ts distill': async () => ({
    attention: await inWorker.createAttention({ build: 'simd' }),
    distill: inWorker.distill,
    signal: undefined,
    *examples() {
      yield arrays('q k v', [2, 5, 4]);
    },
  }),
};

const examples = (await readDeclarations()).flatMap(({ file, name, comment, members }) =>
  [{ file, names: [name], comment }, ...members.map((member) => ({ file, names: [`${name}.${member.name}`, name], comment: member.comment }))].flatMap((one) =>
    one.comment.filter((line) => line.startsWith('@example ')).map((line) => ({ ...one, code: line.slice('@example '.length) })),
  ),
);

test('there are some', () => assert.ok(examples.length > 45, `${examples.length}`));

for (const { file, names, code } of examples) {
  test(`${file} ${names[0]}: ${code}`, async () => {
    const make = [`${file} ${names[0]}`, ...names].map((name) => CONTEXTS[name]).find((found) => found) ?? heads;
    const context = { attention, LinearAttention, ...learn, ...nn, ...(await make()) };
    const body = code.startsWith('{') ? `return (${code});` : `{ ${code}\n }`;
    await new AsyncFunction(...Object.keys(context), body)(...Object.values(context));
    if (context.attention !== attention) await context.attention.dispose();
  });
}

test.after(() => attention.dispose());

test.run();
