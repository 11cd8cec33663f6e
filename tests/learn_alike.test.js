/** What modules with gradients share with others: the bits of attention with those without, and of gradients with any number of threads. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { createAttention as createMain } from '../web/index.js';
import { createAttention, linearGradient, softmaxGradient, weightsGradient } from '../web/learn.js';
import { packaged } from '../web/learn_packaged.js';
import { createThreaded } from './threaded.js';
import { assertSame } from './tolerance.js';
import { gaussian, inputs, tensorOf } from './util.js';

const test = suite('learn: alike');
const { q, k, v } = inputs({ batch: 2, heads: 4, kvHeads: 2, T: 150, dim: 12, valueDim: 10, make: gaussian, deviation: 0.5 });
const dOut = gaussian([2, 4, 150, 10], 9);
const decay = tensorOf([2, 2, 150], (i) => -(i % 7) / 10);
const beta = tensorOf([2, 2, 150], (i) => ((i % 5) + 1) / 30);

test('attention has the bits of the modules without gradients', async () => {
  const [one, other] = [await createMain({ build: 'simd' }), await createAttention({ build: 'simd' })];
  for (const run of [
    (a) => a.softmax(q, k, v, { causal: true }),
    (a) => a.linear(q, k, v, { causal: true, featureMap: 'taylor' }),
    (a) => a.linear(q, k, v, { featureMap: 'favor' }),
    (a) => a.linear(q, k, v, { featureMap: 'identity', decay, beta }),
    (a) => ({ data: Float64Array.of(a.gap(q, k, v).relativeError) }),
  ]) assertSame(run(other), run(one));
  for (const attention of [one, other]) attention.dispose();
});

const calls = {
  'linear, causal': (a) => linearGradient(a, q, k, v, dOut, { causal: true }),
  'linear, full': (a) => linearGradient(a, q, k, v, dOut),
  'the gated delta rule': (a) => linearGradient(a, q, k, v, dOut, { featureMap: 'identity', decay, beta }),
  'rows of their own length': (a) => linearGradient(a, q, k, v, dOut, { featureMap: 'identity', decay, beta, lengths: [150, 70], starts: [0, 40] }),
  'a learned map': (a, map) => linearGradient(a, q, k, v, dOut, { causal: true, featureMap: map }),
  softmax: (a) => softmaxGradient(a, q, k, v, dOut, { causal: true }),
  'softmax, window and a bias a head': (a) => softmaxGradient(a, q, k, v, dOut, { window: 40, sinks: 3, softcap: 2, bias: gaussian([4, 150, 150], 5), biasGradient: true }),
  'softmax, rows and a shared bias': (a) => softmaxGradient(a, q, k, v, dOut, { lengths: [150, 90], bias: gaussian([1, 150, 150], 5), biasGradient: true }),
  'softmax, packed sequences and slopes': (a) => softmaxGradient(a, q, k, v, dOut, { sequences: [0, 20, 150], causal: true, bias: [1, 0.5, 0.25, 0.125], biasGradient: true }),
  'weights of a learned map': (a, map) => weightsGradient(a, q, k, { causal: true, featureMap: map }),
};

for (const threads of [2, 3]) {
  test(`${threads} threads give the bits of one, in every run`, async () => {
    const attentions = [await createAttention({ build: 'simd' }), await createThreaded('simd', threads, packaged)];
    const maps = attentions.map((a) => a.featureMap('learned', { dim: 12, weights: gaussian([12, 9], 1, 0.4), activation: 'exp' }));
    for (const [name, run] of Object.entries(calls)) {
      const expected = run(attentions[0], maps[0]);
      for (let i = 0; i < 5; i++) {
        const actual = run(attentions[1], maps[1]);
        assert.deepEqual(Object.keys(actual), Object.keys(expected));
        for (const what of Object.keys(expected)) {
          if (what === 'loss') assert.equal(actual.loss, expected.loss);
          else assertSame(actual[what], expected[what], `${name}: ${what}`);
        }
      }
    }
    for (const attention of attentions) attention.dispose();
  });
}

test.run();
