// The oracle's gradients against finite differences of its own forward pass, and against gradients by other people's code.
import assert from 'node:assert';
import { suite } from 'uvu';
import { AXES, isConsistent, headsOf } from './generate/axes.js';
import { mapOf } from './generate/maps.js';
import * as oracle from './oracle.js';
import * as gradients from './oracle/gradients.js';
import { differentiableMap } from './oracle/map_gradients.js';
import { assertClose } from './tolerance.js';
import { loadGolden, normals } from './util.js';
import { goldenGradient } from './suites/gradient_cases.js';

const test = suite('oracle: gradients');

/** The oracle's answer by the names of the library's. */
function answer({ kind, q, k, v, dOut, map, options, initialState, dFinalState }) {
  if (kind === 'softmax') return gradients.softmaxGradient(q, k, v, dOut, options);
  const made = differentiableMap(map.name, map.options);
  const { dMap, loss, ...rest } = kind === 'linear'
    ? gradients.linearGradient(q, k, v, dOut, { ...options, map: made, initialState, dFinalState })
    : gradients.weightsGradient(q, k, { map: made, causal: options.causal });
  return { ...rest, ...(loss !== undefined && { loss: [loss] }), dWeights: dMap.weights, dBias: dMap.bias, dKeyWeights: dMap.keyWeights, dKeyBias: dMap.keyBias };
}

const goldens = loadGolden('grad');

test('there are 28 golden cases', () => assert.equal(goldens.size, 28));

for (const [title, golden] of goldens) {
  test(`golden ${title}`, () => {
    const one = goldenGradient(golden);
    const actual = answer(one);
    for (const [name, tensor] of Object.entries(one.expected)) assertClose(actual[name], tensor, { rule: 'gradient', name });
  });
}

const wide = (shape, draw) => ({ data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw), shape });
const product = (a, b) => a.data.reduce((sum, x, i) => sum + x * b.data[i], 0);

/** Throws unless `gradient` is the slope of f at x, along a direction that is drawn. */
function assertSlope(f, x, gradient, draw, name) {
  assert.deepEqual(gradient.shape, x.shape, name);
  const direction = wide(x.shape, draw);
  const h = 1e-6;
  const at = (step) => f({ data: x.data.map((a, n) => a + step * direction.data[n]), shape: x.shape });
  const slope = (at(h) - at(-h)) / (2 * h);
  const expected = product(gradient, direction);
  assert.ok(Math.abs(slope - expected) <= 1e-6 * (1 + Math.abs(slope)), `${name}: the slope is ${slope}, the gradient says ${expected}`);
}

/** A map of map_gradients.js as one of feature_maps.js. */
const asMap = (map, heads, keyHeads, starts) => (rows, { as, batch, head }) =>
  rows.map((x, t) => map.apply(x, { as, head, heads: as === 'query' ? heads : keyHeads, position: (starts[batch] ?? 0) + t }));

const length = 7;
const sizes = { dim: 3, valueDim: 2, length, batch: 2, seed: 5 };
/** Every map but softmax attention and what is relative to a maximum, which counts as a constant. */
const maps = Object.fromEntries(AXES.map.filter((name) => !['softmax', 'favor epsilon'].includes(name)).map((name) => [name, (one) => mapOf({ ...one, map: name })]));

const cases = ['1 1 1', '4 2 1', '2 2 4', '1 1 3'].flatMap((heads) => ['none', 'head', 'token', 'channel'].flatMap((decay) => ['linear', 'delta'].map((rule) => ({ heads, decay, rule }))));

Object.entries(maps).forEach(([name, build], m) => {
  test(`${name}: slopes along every rule, decay and number of heads, and the same features as the forward oracle`, () => {
    cases.forEach(({ heads, decay, rule }, n) => {
      const one = { ...sizes, map: name, heads, decay, rule: rule === 'delta' ? 'delta token' : 'linear', causal: 'causal' };
      assert.ok(isConsistent(one));
      const draw = normals(100 * m + n);
      const built = build(one);
      const map = differentiableMap(built.name, { dim: sizes.dim, ...built.options });
      const counts = headsOf(one);
      const starts = [0, 2];
      const causal = decay !== 'none' || rule === 'delta' || n % 3 > 0;
      const normalize = n % 2 === 0 && name !== 'identity';
      const [q, k] = [counts.q, counts.k].map((h) => wide([2, h, length, 3], () => draw() / 2 + 0.05));
      const v = wide([2, counts.v, length, 2], draw);
      const forward = asMap(map, counts.most, counts.k, starts);
      const rows = [q.data.slice(0, 3), q.data.slice(3, 6)];
      for (const where of [{ as: 'query', batch: 1, head: counts.most - 1 }, { as: 'key', batch: 0, head: counts.k - 1 }]) {
        const [got, want] = [forward, built.reference(starts)].map((f) => ({ data: Float64Array.from(f(rows, where).flatMap((row) => [...row])) }));
        assertClose(got, want, { rule: 'float64' });
      }
      const features = map.apply(new Float64Array(3), { as: 'key', head: 0, heads: 1, position: 0 }).length;
      const G = counts.states;
      const gate = { none: [], head: [[G]], token: [[2, counts.k, length]], channel: [[2, 1, length, features]] }[decay].map((shape) => wide(shape, () => -Math.abs(draw()) / 3))[0];
      const beta = rule === 'delta' ? wide([2, n % 4 ? G : 1, length], () => Math.abs(draw()) / (3 * features)) : undefined;
      const options = {
        causal, normalize, scale: 0.7, eps: 0.3, keyLengths: n % 5 === 1 ? [3, length] : undefined, initialState: wide([2, G, features, 2], () => draw() / 3),
        initialKeySum: wide([2, G, features], () => Math.abs(draw())), ...(gate && { decay: gate }), ...(beta && { beta }),
      };
      const dOut = wide([2, counts.most, length, 2], draw);
      const [dFinalState, dFinalKeySum] = [wide([2, G, features, 2], draw), wide([2, G, features], draw)];
      const g = gradients.linearGradient(q, k, v, dOut, { ...options, map, starts, dFinalState, dFinalKeySum });
      const value = (q, k, v, options, featureMap) => {
        const { o, S, z } = oracle.linear(q, k, v, { ...options, featureMap });
        return product(o, dOut) + product(S, dFinalState) + product(z, dFinalKeySum);
      };
      const of = (label, x, gradient, f) => assertSlope(f, x, gradient, draw, `${heads}, decay ${decay}, ${rule}, ${causal ? 'causal' : 'full'}: ${label}`);
      of('dq', q, g.dq, (x) => value(x, k, v, options, forward));
      of('dk', k, g.dk, (x) => value(q, x, v, options, forward));
      of('dv', v, g.dv, (x) => value(q, k, x, options, forward));
      if (gate) of('dDecay', gate, g.dDecay, (decay) => value(q, k, v, { ...options, decay }, forward));
      if (beta) of('dBeta', beta, g.dBeta, (beta) => value(q, k, v, { ...options, beta }, forward));
      of('dState', options.initialState, g.dState, (initialState) => value(q, k, v, { ...options, initialState }, forward));
      of('dKeySum', options.initialKeySum, g.dKeySum, (initialKeySum) => value(q, k, v, { ...options, initialKeySum }, forward));
      for (const [array, gradient] of Object.entries(g.dMap)) {
        const changed = (x) => asMap(differentiableMap(built.name, { dim: 3, ...built.options, [array]: x }), counts.most, counts.k, starts);
        of(array, { data: Float64Array.from(map.arrays[array].data), shape: map.arrays[array].shape }, gradient, (x) => value(q, k, v, options, changed(x)));
      }
    });
  });
});

test('softmax: slopes, by all that says what a query sees or makes a score, with shared heads', () => {
  const draw = normals(7);
  const hiding = (bias) => ({ data: bias.data.map((x, n) => (n % 3 ? x : -Infinity)), shape: bias.shape });
  for (const options of [
    {}, { causal: true, scale: 0.4 }, { keyLengths: [2, 5] }, { causal: true, keyLengths: [0, 3] }, { causal: true, causalOffset: -2 }, { causal: true, window: 2, sinks: 1, causalOffset: 1 },
    { lengths: [3, 0] }, { causal: true, starts: [1, 2], lengths: [4, 2], keyLengths: [4, 5] }, { sequences: [0, 2, 5], causal: true }, { softcap: 0.7 }, { bias: [0.5, 1, 0, -0.3], causalOffset: 1 },
    { bias: wide([4, 5, 5], draw), softcap: 1.5 }, { bias: wide([1, 5, 5], draw), causal: true }, { bias: hiding(wide([4, 5, 5], draw)), softcap: 2, causal: true },
  ]) {
    const [q, k, v, dOut] = [[2, 4, 5, 3], [2, 2, 5, 3], [2, 2, 5, 2], [2, 4, 5, 2]].map((shape) => wide(shape, draw));
    const g = gradients.softmaxGradient(q, k, v, dOut, options);
    assertSlope((x) => product(oracle.softmax(x, k, v, options), dOut), q, g.dq, draw, 'dq');
    assertSlope((x) => product(oracle.softmax(q, x, v, options), dOut), k, g.dk, draw, 'dk');
    assertSlope((x) => product(oracle.softmax(q, k, x, options), dOut), v, g.dv, draw, 'dv');
    const { bias } = options;
    if (!bias) continue;
    const asTensor = Array.isArray(bias) ? { data: Float64Array.from(bias), shape: [4] } : bias;
    assertSlope((x) => product(oracle.softmax(q, k, v, { ...options, bias: Array.isArray(bias) ? Array.from(x.data) : x }), dOut), asTensor, g.dBias, draw, 'dBias');
  }
});

test('the cross-entropy of weights: its value, and slopes by everything that is learned', () => {
  for (const name of ['hedgehog a head', 'hedgehog joint', 'learned exp', 'learned exp a head']) {
    for (const causal of [false, true]) {
      const draw = normals(9);
      const built = maps[name]({ ...sizes, map: name, heads: '4 2 2' });
      const [q, k] = [[2, 4, 5, 3], [2, 2, 5, 3]].map((shape) => wide(shape, draw));
      const made = (options) => differentiableMap(built.name, { dim: 3, ...built.options, ...options });
      const at = (options) => gradients.weightsGradient(q, k, { map: made(options), causal });
      const { loss, dMap } = at({});
      for (const [array, gradient] of Object.entries(dMap)) {
        const { data, shape } = built.options[array];
        assertSlope((x) => at({ [array]: x }).loss, { data: Float64Array.from(data), shape }, gradient, draw, `${name}: ${array}`);
      }
      // By the whole matrices.
      const featureMap = asMap(made({}), 4, 2, [0, 0]);
      const [p, a] = [{ kind: 'softmax', causal }, { kind: 'linear', featureMap, causal }].map((options) => oracle.weights(q, k, options).data);
      const sum = p.reduce((total, x, i) => total - (x > 0 ? x * Math.log(a[i]) : 0), 0);
      assert.ok(Math.abs(loss - sum / 40) < 1e-12, `${loss}, ${sum / 40}`);
    }
  }
});

test('Adam: the first steps by hand', () => {
  const [one, two] = gradients.adam([1, -2], [[0.5, -3], [0, 0]], { learningRate: 0.1, epsilon: 0, weightDecay: 0.5 });
  // The first step is as long as the learning rate, whatever the gradient.
  assertClose(one, [1 - 0.1 * (0.5 + 1), -2 - 0.1 * (-1 - 1)], { rule: 'float64' });
  const second = (x, sign) => x - 0.1 * (0.5 * x + (sign * (0.09 / 0.19)) / Math.sqrt(0.000999 / 0.001999));
  assertClose(two, [second(one[0], 1), second(one[1], -1)], { rule: 'float64' });
});

test.run();
