/** Right at any length with decays from hardly any to nearly all, and with the delta rules. */
import { channelPattern, gatePattern } from '../generate/tokens.js';
import { attentionSuite } from './harness.js';
import { longest, streamOf } from './long.js';
import { assertStream, assertSums, expectedOf, runs, stateOf } from './long_runs.js';

/** A token that hardly forgets, and one that forgets nearly all. */
const STRENGTHS = [-1e-6, -1e-3, -0.02, -0.5, -5, -60];
const GAMMAS = Array.from({ length: 16 }, (_, h) => Math.log(1 - 2 ** (-5 - h)));
const PIECES = [1, 7, 0, 31, 32, 0, 33, 1000, 64];

const raw = { featureMap: 'identity', normalize: false };
const forms = { identity: raw, 'identity, scaled': { ...raw, scale: 0.25 }, 'elu, normalised': { featureMap: 'elu', normalize: true } };

/** Every token of a head the same, except that token 500 of every 1009 has `other`. */
const now = (usual, other) => Array.from({ length: 1009 }, (_, t) => (t === 500 ? other : usual));

/** Decays by what they show, a row a head of the keys. */
const decays = {
  'one strength a head': { heads: 6, of: () => gatePattern(STRENGTHS.map((g) => [g])) },
  'the gammas of retention': { heads: 16, of: () => gatePattern(GAMMAS.map((g) => [g])) },
  'a head and token, of one strength': { heads: 6, of: () => gatePattern(STRENGTHS.map((g) => [g, g])) },
  'a head and token, mixed': {
    heads: 4,
    of: () => gatePattern([[-1e-6, -1e-3], [-0.02, -1e-6, -0.5], now(-1e-6, -5), now(-1e-3, -60)]),
  },
  'a channel, of one strength': { heads: 3, of: (width) => channelPattern([-1e-6, -1e-3, -0.5].map((g) => [new Array(width).fill(g)])) },
  'a channel, mixed': {
    heads: 2,
    of: (width) => channelPattern([
      [Array.from({ length: width }, (_, f) => [0, ...STRENGTHS][f % 7])],
      now(0, 1).map((rare) => Array.from({ length: width }, (_, f) => (rare ? STRENGTHS[f % 6] : -1e-6))),
    ]),
  },
};

/** Keys of length 1, as the delta rules want them. */
function unit(row) {
  const norm = Math.hypot(...row);
  return row.map((x) => x / norm);
}

/** Queries near their own keys: what a delta rule keeps apart would cancel for others. */
const near = (row) => unit(row.map((x, i) => x * (1 + 0.3 * (i % 3))));
const deltaKeys = { place: unit, placeQuery: near, querySeed: 2 };

const BETAS = [1, 0.5, 1e-3];

export function longGates(name, make) {
  const test = attentionSuite(name, make);

  /** In one call and in pieces with steps; the sums as well. */
  function check(attention, keep, one, rule) {
    const expected = expectedOf(one);
    assertStream(runs.whole(attention, one), expected, one, { rule, name: 'whole' });
    const state = keep(stateOf(attention, one));
    assertStream(runs.pieces(attention, one, state, PIECES), expected, one, { rule, name: 'pieces' });
    assertSums(state, expected, { rule, name: 'after pieces' });
  }

  for (const [title, { heads, of }] of Object.entries(decays)) {
    for (const kind of ['constant', 'cycle of 2', 'cycle of 7', 'noise 1e-2', 'random']) {
      test(`decay ${title}, ${kind}`, (attention, keep) => {
        const decay = of(8);
        for (const form of kind === 'constant' ? Object.values(forms) : [raw]) {
          const length = longest(attention, decay.width > 1 || heads > 6 ? 2 ** 14 : 2 ** 15);
          check(attention, keep, streamOf(kind, { heads, kvHeads: heads, valueDim: 9, length, form, decay }), 'gated');
        }
      });
    }

    test(`decay ${title}: token by token, and grouped queries in layout bthd`, (attention, keep) => {
      const length = longest(attention, 2 ** 13);
      const one = streamOf('constant', { heads, kvHeads: heads, length, form: raw, decay: of(8) });
      const state = keep(stateOf(attention, one));
      const expected = expectedOf(one);
      assertStream(runs.steps(attention, one, state), expected, one, { rule: 'gated', name: 'steps' });
      assertSums(state, expected, { rule: 'gated', name: 'after the steps' });
      check(attention, keep, streamOf('cycle of 2', { heads: 2 * heads, kvHeads: heads, length, form: raw, decay: of(8), layout: 'bthd' }), 'gated');
    });

    test(`decay ${title}: keys of 64, values of 64`, (attention, keep) => {
      check(attention, keep, streamOf('cycle of 7', { heads, kvHeads: heads, dim: 64, valueDim: 64, length: 2 ** 12, form: raw, decay: of(64) }), 'gated');
    });
  }

  test('decays that are no multiple of a block: tokens from a key length on decay nothing', (attention) => {
    const length = longest(attention, 2 ** 15);
    for (const held of [length - 1, length - 33, length - 1000]) {
      const one = streamOf('constant', { heads: 6, kvHeads: 6, length, held, form: raw, decay: gatePattern(STRENGTHS.map((g) => [g])) });
      assertStream(runs.whole(attention, one), expectedOf(one), one, { rule: 'gated', name: `held ${held}` });
    }
  });

  const beta = gatePattern(BETAS.map((b) => [b]));
  const gated = {
    'no decay': undefined,
    'a decay a head': gatePattern([[-1e-6], [-1e-3], [-0.02]]),
    'strong decay': gatePattern([[-0.5], [-5], [-60]]),
    'a decay a token': gatePattern([[-1e-6, -0.02], now(-1e-6, -5), now(-1e-3, -60)]),
    'a decay a channel': channelPattern([0, 1, 2].map((h) => [Array.from({ length: 8 }, (_, f) => STRENGTHS[(f + h) % 6])])),
  };
  for (const [title, decay] of Object.entries(gated)) {
    for (const kind of ['constant', 'cycle of 2', 'cycle of 7', 'noise 1e-2', 'random']) {
      test(`delta rule, ${title}, ${kind}`, (attention, keep) => {
        const length = longest(attention, 2 ** 15);
        check(attention, keep, streamOf(kind, { heads: 3, kvHeads: 3, length, form: raw, ...deltaKeys, decay, beta }), 'delta');
      });
    }
    test(`delta rule, ${title}: token by token`, (attention, keep) => {
      const one = streamOf('cycle of 7', { heads: 6, kvHeads: 3, length: longest(attention, 2 ** 13), form: raw, ...deltaKeys, decay, beta });
      const state = keep(stateOf(attention, one));
      const expected = expectedOf(one);
      assertStream(runs.steps(attention, one, state), expected, one, { rule: 'delta', name: 'steps' });
      assertSums(state, expected, { rule: 'delta', name: 'after the steps' });
    });
  }

  test.run();
}
