/** Gradients where exponents of queries and keys lie so far apart that factors of results come near the largest float, or leave it. */
import assert from 'node:assert';
import { linearGradient } from '../../web/learn.js';
import * as oracle from '../oracle/gradients.js';
import { differentiableMap } from '../oracle/map_gradients.js';
import { assertClose } from '../tolerance.js';
import { gaussian, inputs } from '../util.js';
import { attentionSuite } from './harness.js';

/** q, k, v, dOut and the options of a map exp(xW + b). */
function drawn({ heads = 2, T, dim, features, size, deviation, seed }) {
  const { q, k, v } = inputs({ heads, T, dim, valueDim: 5, seed, make: gaussian, deviation: size });
  const matrix = (n) => gaussian([heads, dim, features], seed + n, deviation);
  const bias = (n) => gaussian([heads, features], seed + n);
  return { q, k, v, dOut: gaussian(v.shape, seed + 5), map: { dim, activation: 'exp', weights: matrix(6), bias: bias(7), keyWeights: matrix(8), keyBias: bias(9) } };
}

export function gradientRange(name, make) {
  const test = attentionSuite(name, make);

  for (const options of [{ causal: true }, {}]) {
    test(`factors up to the largest float, as float64 has them: ${JSON.stringify(options)}`, (attention, keep) => {
      for (let seed = 1; seed <= 6; seed++) {
        const { q, k, v, dOut, map } = drawn({ T: 40, dim: 4, features: 12, size: 8, deviation: 1.1, seed: 20 * seed });
        const featureMap = keep(attention.featureMap('learned', map));
        const actual = linearGradient(attention, q, k, v, dOut, { ...options, featureMap, eps: 0 });
        const gradientsOf = (isFixed) => oracle.linearGradient(q, k, v, dOut, { ...options, eps: 0, isFixed, map: differentiableMap('learned', { ...map, isFixed }) });
        const [expected, terms] = [gradientsOf(false), gradientsOf(true)];
        for (const what of ['dq', 'dk', 'dv']) assertClose(actual[what], expected[what], { rule: 'exponents', name: `${what}, seed ${seed}`, beside: terms[what] });
      }
    });

    test(`and beyond it, finite: ${JSON.stringify(options)}`, (attention, keep) => {
      for (const more of [{}, ...(options.causal ? [{ decay: -0.1 }] : [])]) {
        const { q, k, v, dOut, map } = drawn({ T: 150, dim: 32, features: 16, size: 8, deviation: 0.6, seed: 3 });
        const featureMap = keep(attention.featureMap('learned', map));
        const gradients = linearGradient(attention, q, k, v, dOut, { ...options, ...more, normalize: true, featureMap });
        for (const [what, { data }] of Object.entries(gradients)) assert.ok(data.every(Number.isFinite), `${what} ${JSON.stringify(more)}`);
      }
    });
  }

  test.run();
}
