/** The parts of distill, each by itself: what it draws, its losses, its steps and what it keeps. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { coreOf } from '../web/calls/attention.js';
import { normals } from '../web/learn/draws.js';
import { takeExamples } from '../web/learn/examples.js';
import { Best, Learner, PARAMETERS } from '../web/learn/learner.js';
import { lossOf } from '../web/learn/losses.js';
import { distill, weightsGradient } from '../web/learn.js';
import { alike, onOneInstance, several } from './distill_examples.js';
import { assertClose } from './tolerance.js';
import { gaussian, near } from './util.js';

const test = suite('distill: parts');
let attention;
onOneInstance(test, (one) => (attention = one));

test('seeds of 53 bits and streams draw numbers of their own', () => {
  const drawn = [1, 2, 2 ** 32 + 1, 2 ** 53 - 1].flatMap((seed) => [1, 2, 2047].map((stream) => normals(coreOf(attention), seed, stream, [1, 2, 8]).join()));
  assert.equal(new Set(drawn).size, drawn.length);
});

test('where nothing else is drawn, a seed says in which order examples come', async () => {
  const examples = several(alike, 1);
  const found = [];
  for (const seed of [5, 6]) {
    for (const steps of [0, 3]) {
      const { featureMap } = await distill(attention, examples, { steps, seed, batch: 2 });
      found.push(featureMap.weights.weights.data.join());
      featureMap.dispose();
    }
  }
  assert.equal(found[0], found[2]);
  assert.notEqual(found[1], found[3]);
});

test('the learning rate falls along half a cosine', () => {
  const [learningRate, steps] = [0.1, 8];
  const learner = new Learner(coreOf(attention), { map: 'hedgehog', seed: 0, learningRate, steps }, 1, 4);
  try {
    const start = learner.copies();
    // Adam's step down a gradient that stays the same is the learning rate.
    const gradients = PARAMETERS.map((name) => ({ data: new Float32Array(start[name].data.length).fill(1), shape: start[name].shape }));
    let fallen = 0;
    for (let step = 0; step < steps; step++) {
      learner.step(gradients, step);
      fallen += learningRate * Math.cos(((Math.PI / 2) * step) / steps) ** 2;
      const now = learner.copies();
      for (const name of PARAMETERS) near(start[name].data[0] - now[name].data[0], fallen, 1e-6);
    }
  } finally {
    learner.dispose();
  }
});

test('a head keeps its own best, whatever the others do', () => {
  const best = new Best();
  const consider = (errors, value) => best.consider(errors, { copies: () => Object.fromEntries(PARAMETERS.map((name) => [name, { data: new Float32Array(4).fill(value), shape: [2, 2] }])) });
  for (const [errors, value, kept] of [
    [[1, 1], 1, [1, 1]],
    [[0.5, 2], 2, [2, 1]],
    [[0.4, 1.5], 3, [3, 1]],
    [[0.6, 0.9], 4, [3, 4]],
    [[0.6, 0.9], 5, [3, 4]],
  ]) {
    consider(errors, value);
    for (const name of PARAMETERS) assert.deepEqual([...best.parameters[name].data], kept.flatMap((one) => [one, one]), `after ${value}`);
  }
});

/** Two examples of four heads of queries, of which two share one of keys, and a map of two heads. */
async function grouped() {
  const core = coreOf(attention);
  const examples = [1, 11].map((seed) => ({ q: gaussian([4, 20, 6], seed), k: gaussian([2, 20, 6], seed + 1), v: gaussian([2, 20, 5], seed + 2) }));
  const parameters = { weights: gaussian([2, 6, 4], 3, 0.4), bias: gaussian([2, 4], 4, 0.2), keyWeights: gaussian([2, 6, 4], 5, 0.4), keyBias: gaussian([2, 4], 6, 0.2) };
  const { examples: batch } = await takeExamples(core, 'examples', examples, { causal: true }, { check() {}, pause() {} });
  const map = attention.featureMap('hedgehog', { dim: 6, ...parameters });
  const found = {};
  for (const loss of ['outputs', 'weights', 'both']) found[loss] = await lossOf(core, batch, map, { loss, causal: true }, () => {});
  map.dispose();
  return { examples, parameters, found };
}

/** Head `h` of `heads` of a tensor, or as many side by side as one of those has. */
function headOf({ data, shape: [count, ...shape] }, h, heads) {
  const part = data.length / heads;
  return { data: data.slice(h * part, (h + 1) * part), shape: [count / heads, ...shape] };
}

test('weights: the loss of a head and its gradient are the means of what weightsGradient gives for it alone', async () => {
  const { examples, parameters, found: { weights } } = await grouped();
  for (const h of [0, 1]) {
    const own = (tensor) => headOf(tensor, h, 2);
    const featureMap = attention.featureMap('hedgehog', { dim: 6, ...Object.fromEntries(PARAMETERS.map((name) => [name, own(parameters[name])])) });
    const alone = examples.map(({ q, k }) => weightsGradient(attention, own(q), own(k), { featureMap, causal: true }));
    featureMap.dispose();
    near(weights.losses[h], (alone[0].loss + alone[1].loss) / 2, 1e-6);
    ['dWeights', 'dBias', 'dKeyWeights', 'dKeyBias'].forEach((name, p) => {
      assertClose(own(weights.gradients[p]), alone[0][name].data.map((x, i) => (x + alone[1][name].data[i]) / 2), { rule: 'gradient', name });
    });
  }
});

test('both: four times the outputs and the weights, and so the gradients', async () => {
  const { found: { outputs, weights, both } } = await grouped();
  both.losses.forEach((loss, h) => near(loss, 4 * outputs.losses[h] + weights.losses[h], 1e-9));
  both.gradients.forEach((gradient, p) => {
    assertClose(gradient, gradient.data.map((_, i) => 4 * outputs.gradients[p].data[i] + weights.gradients[p].data[i]), { rule: 'gradient', name: PARAMETERS[p] });
  });
});

test.run();
