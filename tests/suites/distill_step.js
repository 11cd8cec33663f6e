/** One step of distilling, which makes features once and answers and learns in one pass, against the public calls. */
import assert from 'node:assert';
import { coreOf } from '../../web/calls/attention.js';
import { outputsLoss } from '../../web/learn/outputs_loss.js';
import { Gradients } from '../../web/learn/losses.js';
import { linearGradient } from '../../web/learn.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian } from '../util.js';
import { attentionSuite, throwsCode } from './harness.js';

const maps = { hedgehog: ['hedgehog', {}], relu: ['learned', {}], exp: ['learned', { activation: 'exp' }] };
/** Heads of q and of k, their lengths, dim, valueDim and columns of W; causal where the lengths are equal. */
const sizes = [
  [1, 1, 2, 2, 4, 4, 4],
  [2, 2, 77, 77, 8, 8, 8],
  [4, 2, 64, 64, 7, 5, 9],
  [2, 2, 200, 200, 32, 32, 32],
  [4, 2, 40, 70, 12, 9, 20],
  [2, 1, 96, 33, 3, 1, 40],
];

/** What one step gives: ‖L − S‖² of each head of k, and the gradients of Σ factor·‖L − S‖². */
function step(attention, example, map, causal, factors) {
  const gradients = factors && new Gradients(map.weights);
  const squares = outputsLoss(coreOf(attention), example, map, { causal }, factors, gradients);
  return { squares, gradients: gradients?.sums };
}

/** The same by linear() and linearGradient(). */
function byCalls(attention, { q, k, v, target }, featureMap, causal, factors) {
  const out = attention.linear(q, k, v, { featureMap, causal });
  const part = out.data.length / factors.length;
  const squares = factors.map(() => 0);
  out.data.forEach((x, i) => {
    const h = Math.floor(i / part);
    squares[h] += (x - target[i]) ** 2;
    out.data[i] = 2 * factors[h] * (x - target[i]);
  });
  const { dWeights, dBias, dKeyWeights, dKeyBias } = linearGradient(attention, q, k, v, out, { featureMap, causal });
  return { squares, gradients: [dWeights, dBias, dKeyWeights, dKeyBias] };
}

export function distillStep(name, make) {
  const test = attentionSuite(name, make);
  for (const [title, [map, options]] of Object.entries(maps)) {
    for (const [qHeads, kHeads, nq, nk, dim, valueDim, columns] of sizes) {
      for (const causal of nq === nk ? [true, false] : [false]) {
        // q and k of different sizes: exp's exponents differ from block to block.
        for (const size of [1, 4]) {
          test(`${title}, heads ${qHeads}/${kHeads}, ${nq} × ${nk}, dim ${dim}, ${columns} columns, inputs of ${size}${causal ? ', causal' : ''}`, (attention, keep) => {
            const [q, k, v] = [gaussian([qHeads, nq, dim], 1, size), gaussian([kHeads, nk, dim], 2, size), gaussian([kHeads, nk, valueDim], 3)];
            const weights = (seed) => ({ weights: gaussian([kHeads, dim, columns], seed, 0.5), bias: gaussian([kHeads, columns], seed + 1, 0.3) });
            const [{ weights: W, bias }, { weights: keyWeights, bias: keyBias }] = [weights(4), weights(6)];
            const featureMap = keep(attention.featureMap(map, { dim, ...options, weights: W, bias, keyWeights, keyBias }));
            const example = { q, k, v, target: gaussian([qHeads, nq, valueDim], 8).data };
            const factors = Array.from({ length: kHeads }, (_, h) => 0.5 + h);
            const [got, expected] = [step(attention, example, featureMap, causal, factors), byCalls(attention, example, featureMap, causal, factors)];
            got.squares.forEach((square, h) => assert.ok(Math.abs(square - expected.squares[h]) <= 2e-6 * expected.squares[h], `head ${h}: ${square}, ${expected.squares[h]}`));
            got.gradients.forEach((gradient, p) => {
              assert.deepEqual(gradient.shape, expected.gradients[p].shape);
              // Where a query sees but itself it has nothing to learn, and rounding is all there is.
              if (nk > 2) assertClose(gradient, expected.gradients[p], { rule: 'gradient', name: `gradient ${p}` });
            });
            const alone = step(attention, example, featureMap, causal);
            assert.deepEqual(alone.squares, got.squares);
          });
        }
      }
    }
  }

  test('heads far apart in size do not meet: each has the bits that it has alone', (attention, keep) => {
    const [q, k, v] = [1, 2, 3].map((seed) => gaussian([2, 100, 8], seed));
    for (const { data } of [q, k]) data.subarray(800).forEach((x, i, half) => (half[i] = 30 * x));
    const target = gaussian([2, 100, 8], 4).data;
    const one = (x, h) => ({ data: x.data.slice(h * 800, h * 800 + 800), shape: [1, 100, 8] });
    const weights = gaussian([2, 8, 12], 5);
    const mapOf = (heads, data) => keep(attention.featureMap('learned', { dim: 8, activation: 'exp', weights: { data, shape: [heads, 8, 12] }, bias: gaussian([heads, 12], 6), keyWeights: { data, shape: [heads, 8, 12] }, keyBias: gaussian([heads, 12], 6) }));
    const both = step(attention, { q, k, v, target }, mapOf(2, weights.data), true, [1, 1]);
    for (const h of [0, 1]) {
      const alone = step(attention, { q: one(q, h), k: one(k, h), v: one(v, h), target: target.slice(h * 800, h * 800 + 800) }, mapOf(1, weights.data.slice(h * 96, h * 96 + 96)), true, [1]);
      if (h === 0) assertSame(both.gradients[0].data.subarray(0, 96), alone.gradients[0].data);
      assert.ok(Number.isFinite(both.squares[h]) && both.gradients.every(({ data }) => data.every(Number.isFinite)), `head ${h}`);
    }
  });

  test('features of more floats than 32 bits count: out-of-memory, not a short piece of it', (attention, keep) => {
    const [heads, tokens, columns] = [8, 7296, 65536];
    const featureMap = keep(attention.featureMap('learned', { dim: 1, weights: gaussian([1, columns], 1), bias: gaussian([columns], 2) }));
    const [q, k, v] = [gaussian([heads, tokens, 1], 3), gaussian([1, tokens, 1], 4), gaussian([1, tokens, 1], 5)];
    throwsCode(() => step(attention, { q, k, v, target: q.data }, featureMap, true), 'out-of-memory');
  });

  test.run();
}
