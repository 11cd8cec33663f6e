/** Gradients of sums whose exponents are not 0: of maps exp(xW + b) whose keys are far above or below 1, and change as tokens go on. */
import { linearGradient } from '../../web/learn.js';
import * as oracle from '../oracle/gradients.js';
import { differentiableMap } from '../oracle/map_gradients.js';
import { assertClose } from '../tolerance.js';
import { gaussian, tensorOf } from '../util.js';
import { attentionSuite } from './harness.js';

const [TOKENS, DIM, FEATURES, WIDTH] = [70, 4, 6, 5];

/** Tokens whose last element is all that `levelOf` says, and is added to every exponent by `weights`. */
const tokens = (levelOf, seed) => {
  const drawn = gaussian([1, 1, TOKENS, DIM], seed, 0.4);
  return tensorOf(drawn.shape, (i) => (i % DIM === DIM - 1 ? levelOf(Math.floor(i / DIM)) : drawn.data[i]));
};

const weights = tensorOf([DIM, FEATURES], (i) => (i < (DIM - 1) * FEATURES ? Math.sin(i) : 1));
const between = (from, to) => (t) => from + ((to - from) * t) / (TOKENS - 1);
const times = (x, factor) => ({ data: x.data.map((a) => a * factor), shape: x.shape });

/**
 * By what the exponents of keys do. `query`: those of queries, 0 where it is missing; `held`: the state before, of nothing or of
 * sums about exp of this; `after`: gradients of the state after are about exp of this; `beta`: times exp of it at each token.
 */
const cases = {
  'rise beyond float32': { key: between(0, 200) },
  'rise far above': { key: between(120, 320) },
  'fall far below': { key: between(-50, -250), query: between(50, 250), options: { eps: 1e-2 } },
  'fall with a decay': { key: between(120, -120), options: { decay: -4, normalize: true } },
  'rise with a decay': { key: between(-120, 120), options: { decay: -0.5, normalize: true } },
  'begin above, after nothing': { key: between(60, 64), held: -Infinity, after: -60 },
  'begin below, after nothing': { key: between(-50, -46), query: between(46, 44), held: -Infinity, after: 50 },
  'rise above what a state holds': { key: between(2, 70), held: 0, after: -70 },
  'rise above what a state holds, not normalised': { key: between(2, 70), query: between(-70, -70), held: 0, after: -70, options: { normalize: false } },
  'the delta rule, of long keys': { key: between(41, 43), held: -Infinity, after: -40, beta: (t) => -2 * between(41, 43)(t) },
  'the delta rule, of keys that grow': { key: between(20, 43), held: 0, after: -40, beta: (t) => -2 * between(20, 43)(t) },
  'the gated delta rule, of keys that grow': { key: between(20, 43), held: 0, after: -40, beta: (t) => -2 * between(20, 43)(t), options: { decay: -0.05 } },
};

const sums = (exponent, seed, ...shape) => times(gaussian([1, 1, ...shape], seed), Math.exp(exponent));

export function gradientExponents(name, make) {
  const test = attentionSuite(name, make);

  for (const [title, { key, query = () => 0, held, after, beta, options = {} }] of Object.entries(cases)) {
    test(`keys that ${title}, as float64 has them`, (attention, keep) => {
      const map = { dim: DIM, activation: 'exp', weights };
      const featureMap = keep(attention.featureMap('learned', map));
      const [q, k, v, dOut] = [tokens(query, 1), tokens(key, 2), gaussian([1, 1, TOKENS, WIDTH], 3), gaussian([1, 1, TOKENS, WIDTH], 4)];
      const gates = { ...options, ...(beta && { beta: tensorOf([1, 1, TOKENS], (t) => ((t % 3) + 1) * 0.05 * Math.exp(beta(t))) }) };
      const isGated = gates.decay !== undefined || beta !== undefined;
      const normalize = options.normalize ?? !isGated;
      const final = after === undefined ? {} : { dFinalState: sums(after, 5, FEATURES, WIDTH), ...(normalize && { dFinalKeySum: sums(after, 6, FEATURES) }) };
      const before = held === undefined || held === -Infinity ? {} : { initialState: sums(held, 7, FEATURES, WIDTH), ...(normalize && { initialKeySum: tensorOf([1, 1, FEATURES], (i) => Math.exp(held) * (1 + i)) }) };
      for (const causal of isGated ? [true] : [true, false]) {
        let state;
        if (held !== undefined) {
          state = keep(attention.state({ batch: 1, heads: 1, dim: DIM, valueDim: WIDTH, featureMap, normalize }));
          if (before.initialState) state.set(before.initialState, before.initialKeySum);
        }
        const { decay, ...settings } = gates;
        const actual = linearGradient(attention, q, k, v, dOut, { ...gates, ...final, causal, normalize, featureMap, state });
        const gradientsOf = (isFixed) =>
          oracle.linearGradient(q, k, v, dOut, { ...settings, ...(decay && { decay: { data: [decay], shape: [] } }), ...final, ...before, causal, normalize, isFixed, map: differentiableMap('learned', { ...map, isFixed }) });
        const expected = gradientsOf(false);
        let terms;
        const compare = (what, partOf = (all) => all[what]) =>
          assertClose(actual[what], partOf(expected), { rule: 'exponents', name: `${what}${causal ? ', causal' : ''}`, beside: () => partOf((terms ??= gradientsOf(true))) });
        for (const what of ['dq', 'dk', 'dv', decay && 'dDecay', beta && 'dBeta', state && 'dState', state && normalize && 'dKeySum']) if (what) compare(what);
        compare('dWeights', ({ dMap }) => dMap.weights);
      }
    });
  }

  test.run();
}
