/** Right at any length: sums over tokens that repeat must not drift, in any form and however a sequence is split. */
import assert from 'node:assert';
import { patternOf, tokenKinds } from '../generate/tokens.js';
import { assertSame } from '../tolerance.js';
import { attentionSuite } from './harness.js';
import { assertStream, assertSums, checkpoints, expectedOf, runs, stateOf } from './long_runs.js';

const MILLION = 2 ** 20;
const rule = 'linear';

/** Sizes of pieces in turn, around the blocks of the kernels; 0 is a step. */
const PIECES = [1, 7, 0, 31, 32, 0, 0, 33, 1000, 0, 64, 129];

/** One build on one thread goes all the way; what the others add shows earlier. */
const isMain = ({ build, threads }) => build === 'simd' && threads === 1;
export const longest = (attention, most = 2 ** 17) => (isMain(attention) ? most : Math.min(most, 2 ** 12));

/** Where a map keeps signs, products of queries and keys that do not cancel: what is measured is the sum, not a difference. */
const positive = (row) => row.map((x) => 0.1 + Math.abs(x));
const keepsSigns = ({ featureMap }) => featureMap === 'identity' || featureMap.name === 'identity';

/** A stream of one kind of token; `place` moves each key, `placeQuery` each query. */
export function streamOf(kind, { heads = 4, kvHeads = 2, dim = 8, valueDim = 13, length, form, place = keepsSigns(form) ? positive : undefined, placeQuery = place, querySeed = 1, deviation, ...rest }) {
  const pattern = (h, width, seed, more) => patternOf(kind, { heads: h, width, seed, ...more });
  return {
    q: pattern(heads, dim, querySeed, { place: placeQuery, deviation }),
    k: pattern(kvHeads, dim, 2, { place, deviation }),
    v: pattern(kvHeads, valueDim, 3),
    form,
    length,
    at: checkpoints(length),
    ...rest,
  };
}

const forms = {
  'elu, normalised': { featureMap: 'elu', normalize: true },
  'elu, eps 0, scaled': { featureMap: 'elu', normalize: true, eps: 0, scale: 0.3 },
  elu: { featureMap: 'elu', normalize: false },
  'relu, normalised': { featureMap: 'relu', normalize: true },
  identity: { featureMap: 'identity', normalize: false },
};

export function long(name, make) {
  const test = attentionSuite(name, make);

  for (const [title, form] of Object.entries(forms)) {
    for (const kind of Object.keys(tokenKinds)) {
      test(`${title}, ${kind}: whole, full and in pieces`, (attention, keep) => {
        const one = streamOf(kind, { length: longest(attention), form });
        const expected = expectedOf(one);
        assertStream(runs.whole(attention, one), expected, one, { rule, name: 'whole' });
        const state = keep(stateOf(attention, one));
        assertStream(runs.pieces(attention, one, state, PIECES), expected, one, { rule, name: 'pieces' });
        assertSums(state, expected, { rule, name: 'after pieces' });
        assertStream(runs.full(attention, one), expected, one, { rule, name: 'full' });
      });
    }
  }

  for (const kind of ['constant', 'cycle of 7', 'noise 1e-3']) {
    for (const title of ['elu, normalised', 'identity']) {
      test(`${title}, ${kind}: token by token`, (attention, keep) => {
        const one = streamOf(kind, { length: longest(attention), form: forms[title] });
        const expected = expectedOf(one);
        const state = keep(stateOf(attention, one));
        assertStream(runs.steps(attention, one, state), expected, one, { rule, name: 'steps' });
        assertSums(state, expected, { rule, name: 'after the steps' });
        assert.equal(state.length, one.length);
      });
    }
  }

  for (const kind of ['constant', 'cycle of 2']) {
    test(`${kind}: layout bthd, one head, and heads of every width`, (attention, keep) => {
      const length = longest(attention, 2 ** 15);
      for (const sizes of [{ layout: 'bthd' }, { heads: 1, kvHeads: 1 }, { heads: 3, kvHeads: 1, dim: 1, valueDim: 1 }, { heads: 1, kvHeads: 1, dim: 33, valueDim: 67 }, { heads: 1, kvHeads: 1, dim: 64, valueDim: 64 }]) {
        const one = streamOf(kind, { length, form: forms['elu, normalised'], ...sizes });
        const expected = expectedOf(one);
        const label = JSON.stringify(sizes);
        assertStream(runs.whole(attention, one), expected, one, { rule, name: `whole ${label}` });
        assertStream(runs.full(attention, one), expected, one, { rule, name: `full ${label}` });
        const state = keep(stateOf(attention, one));
        assertStream(runs.pieces(attention, one, state, PIECES), expected, one, { rule, name: `pieces ${label}` });
      }
    });

    test(`${kind}: tokens from a key length on add nothing, wherever it lies`, (attention) => {
      const length = longest(attention, 2 ** 15);
      for (const held of [0, 1, length - 33, length - 1000, length - 1]) {
        const one = streamOf(kind, { length, held, form: forms['elu, normalised'] });
        // Causal rows after `held` go on reading; with no key at all they are 0 / eps.
        const expected = expectedOf(one);
        assertStream(runs.whole(attention, one), expected, one, { rule, name: `held ${held}` });
        assertStream(runs.full(attention, one), expected, one, { rule, name: `held ${held}, full` });
      }
    });

    test(`${kind}: a copy or a saved state, anywhere, goes on with the same bits`, (attention, keep) => {
      const one = streamOf(kind, { length: longest(attention, 2 ** 15), form: forms['elu, normalised'] });
      const plain = keep(stateOf(attention, one));
      const outputs = runs.pieces(attention, one, plain, PIECES).o;
      let turn = 0;
      const exchange = (state) => {
        turn++;
        if (turn % 50 === 0) return keep(state.clone());
        return turn % 50 === 25 ? keep(attention.restore(state.save())) : state;
      };
      let last;
      const copies = runs.pieces(attention, one, keep(stateOf(attention, one)), PIECES, (state) => (last = exchange(state))).o;
      outputs.forEach((rows, h) => rows.forEach((row, i) => assertSame(copies[h][i], row, `head ${h}, row ${i}`)));
      assertSame(last.data, plain.data, 'S');
      assertSame(last.keySum, plain.keySum, 'z');
    });
  }

  test('few blocks of keys: threads that share one stream by its keys leave none out', (attention) => {
    for (const length of [65, 129, 200, 257, 300, 1025]) {
      for (const valueDim of [1, 8, 12]) {
        const one = { ...streamOf('random', { heads: 1, kvHeads: 1, valueDim, length, form: forms['elu, normalised'] }), at: [0, 1, length - 2, length - 1] };
        assertStream(runs.full(attention, one), expectedOf(one), one, { rule, name: `${length} keys, values of ${valueDim}` });
      }
    }
  });

  for (const [what, forwards] of [['a long call, then steps', true], ['steps, then a long call', false]]) {
    test(`${what}`, (attention, keep) => {
      const length = longest(attention, 2 ** 15);
      const one = streamOf('cycle of 7', { length, form: forms['elu, normalised'] });
      const state = keep(stateOf(attention, one));
      const sizes = forwards ? [length - 3000, ...new Array(3000).fill(0)] : [...new Array(3000).fill(0), length - 3000];
      const expected = expectedOf(one);
      assertStream(runs.pieces(attention, one, state, sizes), expected, one, { rule, name: what });
      assertSums(state, expected, { rule, name: what });
    });
  }

  test('ten thousand calls of three tokens', (attention, keep) => {
    const one = streamOf('constant', { heads: 1, kvHeads: 1, length: longest(attention, 30_000), form: forms['elu, normalised'] });
    const state = keep(stateOf(attention, one));
    const expected = expectedOf(one);
    assertStream(runs.pieces(attention, one, state, [3]), expected, one, { rule, name: 'calls' });
    assertSums(state, expected, { rule, name: 'after the calls' });
  });

  test('a million steps of one token', (attention, keep) => {
    const one = streamOf('constant', { heads: 1, kvHeads: 1, length: longest(attention, MILLION), valueDim: 8, form: forms['elu, normalised'] });
    const state = keep(stateOf(attention, one));
    const expected = expectedOf(one);
    assertStream(runs.steps(attention, one, state), expected, one, { rule, name: 'steps' });
    assertSums(state, expected, { rule, name: 'after the steps' });
  });

  test.run();
}
