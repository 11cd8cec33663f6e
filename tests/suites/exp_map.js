/** exp(xW + b) far beyond what float32 can hold: exponents apart from features, and eps relative to the true sums. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, joinTime, reshape, sliceTime, tensorOf } from '../util.js';
import { attentionSuite, stateFor, token } from './harness.js';
import { rowsOf2d } from './map_cases.js';

const [T, dim, columns, heads] = [70, 5, 6, 2];

/** Small whole numbers, so that every xW is exact, but for the first row of W: it is 1, so that x[0] adds to every column. */
const weights = tensorOf([dim, columns], (i) => (i < columns ? 1 : ((i * 7) % 5) - 2));
const matrix = rowsOf2d(weights);

/** Vectors whose first element is far(t), the others −1 … 1. */
const vectors = (seed, far) => tensorOf([1, heads, T, dim], (i) => (i % dim === 0 ? far(Math.floor(i / dim) % T) : ((i * seed) % 3) - 1));

/** The oracle's features with the largest exponent of a query, and of all keys, left out: it cancels where eps is 0. */
function relative(rows, { as }) {
  const exponents = rows.map((x) => matrix[0].map((_, c) => x.reduce((sum, a, i) => sum + a * matrix[i][c], 0)));
  const most = Math.max(...exponents.map((y) => Math.max(...y)));
  return exponents.map((y) => {
    const top = as === 'query' ? Math.max(...y) : most;
    return Float64Array.from(y, (a) => Math.exp(a - top));
  });
}

const places = {
  'all at 1e3': () => 1e3,
  'all at −3e4': () => -3e4,
  'rising to 3e4': (t) => (t * 3e4) / T - ((t * 3e4) / T) % 1,
  'falling from 3e4': (t) => 3e4 - 20 * t,
  'to and fro': (t) => [0, 1e3, -1e3, 30, -3e4, 50, 3e4][t % 7],
};

export function expMap(name, make) {
  const test = attentionSuite(name, make);
  const made = (attention, keep, options) => keep(attention.featureMap('learned', { dim, weights, activation: 'exp', ...options }));

  for (const [title, far] of Object.entries(places)) {
    test(`exponents ${title}: whole, full, in two parts, in steps, saved and restored`, (attention, keep) => {
      const featureMap = made(attention, keep);
      const [q, k, v] = [vectors(2, (t) => far(T - 1 - t)), vectors(5, far), gaussian([1, heads, T, 4], 3)];
      const form = { featureMap, eps: 0 };
      const expected = (...qkv) => oracle.linear(...qkv, { featureMap: relative, eps: 0 }).o;
      // Row by row, each relative to the largest key that it sees.
      const causal = joinTime(Array.from({ length: T }, (_, t) => expected(sliceTime(q, t, t + 1), ...[k, v].map((x) => sliceTime(x, 0, t + 1)))));
      const rule = 'exponents';
      const whole = attention.linear(q, k, v, { ...form, causal: true });
      assertClose(whole, causal, { rule, name: 'causal' });
      assertClose(attention.linear(q, k, v, form), expected(q, k, v), { rule, name: 'full' });
      const held = keep(stateFor(attention, { k, v }, form));
      const first = attention.linear(...[q, k, v].map((x) => sliceTime(x, 0, 33)), { causal: true, state: held });
      const restored = keep(attention.restore(held.save()));
      const steps = (state) => joinTime(Array.from({ length: T - 33 }, (_, i) => {
        const { data, shape: [B, H, d] } = state.step(...[q, k, v].map((x) => token(x, 33 + i)));
        return reshape({ data }, [B, H, 1, d]);
      }));
      const rest = steps(held);
      assertClose(joinTime([first, rest]), whole, { rule, name: 'a part, then steps' });
      assertSame(steps(restored), rest, 'restored');
    });

    test(`exponents ${title}: weights and gap are numbers, rows of weights sum to 1`, (attention, keep) => {
      const featureMap = made(attention, keep);
      const [q, k, v] = [vectors(2, far), vectors(5, far), gaussian([1, heads, T, 4], 3)];
      const { data } = attention.weights(q, k, { kind: 'linear', featureMap });
      const expected = oracle.weights(q, k, { kind: 'linear', featureMap: relative });
      assertClose(data, expected.data, { rule: 'exponents' });
      const { perHead, ...overall } = attention.gap(q, k, v, { featureMap, softmaxScale: 1e-5, eps: 0 });
      // KL is infinite where a key has no weight that float32 can hold.
      for (const [key, value] of Object.entries(overall)) assert.ok(key === 'weightKL' ? value >= 0 : Number.isFinite(value), key);
      assert.equal(perHead.length, heads);
    });
  }

  test('eps is relative to the true sums, wherever the exponents are', (attention, keep) => {
    const [q, k, v] = [1, 2, 3].map((seed) => gaussian([1, 1, T, dim], seed));
    for (const [ofQueries, ofKeys] of [[-3, -3], [-52, 46], [49, -55], [-60, 70], [-70, -70]]) {
      const [bias, keyBias] = [ofQueries, ofKeys].map((shift) => tensorOf([columns], (i) => shift + i / 4));
      const featureMap = made(attention, keep, { weights: gaussian([dim, columns], 4, 0.5), bias, keyBias });
      const roles = Object.fromEntries(Object.entries({ query: bias, key: keyBias }).map(([as, { data }]) => [as, oracle.learned({ weights: [rowsOf2d(gaussian([dim, columns], 4, 0.5))], bias: [data], activation: 'exp' })]));
      const reference = (rows, where) => roles[where.as](rows, { ...where, head: 0 });
      for (const causal of [true, false]) {
        for (const eps of [1e-6, 1e-2, 1]) {
          const expected = oracle.linear(q, k, v, { featureMap: reference, causal, eps }).o;
          // Results of 1e-50 are 0 in float32.
          expected.data.forEach((x, i) => Math.abs(x) < 1e-30 && (expected.data[i] = 0));
          assertClose(attention.linear(q, k, v, { featureMap, causal, eps }), expected, { rule: 'exponents', name: `${ofQueries}, ${ofKeys}, eps ${eps}` });
        }
      }
    }
  });

  test('apply gives φ itself: infinite only where it overflows, 0 where it is too small', (attention, keep) => {
    const identity = tensorOf([dim, dim], (i) => (i % (dim + 1) === 0 ? 1 : 0));
    const map = made(attention, keep, { weights: identity });
    const { data } = map.apply({ data: Float32Array.of(0, 1, -2, 3, 80, 88, 90, 5, 4, 60), shape: [2, dim] });
    assertClose(data.subarray(0, 5), [0, 1, -2, 3, 80].map(Math.exp), { rule: 'exponents' });
    assert.deepEqual([data[6], ...[5, 8].map((i) => Math.abs(data[i] / Math.exp([88, 0, 0, 4][i - 5]) - 1) < 1e-3)], [Infinity, true, true]);
    const { data: small } = map.apply({ data: new Float32Array(dim).fill(-3e4), shape: [1, dim] }, { as: 'key' });
    assert.ok(small.every((x) => x === 0), `${small}`);
  });

  test('a bias of −Infinity is not hidden', (attention, keep) => {
    const map = made(attention, keep, { bias: tensorOf([columns], (i) => (i === 2 ? -Infinity : 0)) });
    assert.ok(map.apply(gaussian([3, dim], 1)).data.every(Number.isNaN));
  });

  test('the two activations are two maps', (attention, keep) => {
    const [relu, same, exp] = [undefined, 'relu', 'exp'].map((activation) => made(attention, keep, { activation }));
    assert.deepEqual([relu, same, exp].map(({ options }) => options.activation), ['relu', 'relu', 'exp']);
    const x = gaussian([4, dim], 1);
    assertSame(relu.apply(x), same.apply(x));
    const state = keep(attention.state({ heads: 1, dim, featureMap: relu }));
    assert.throws(() => attention.linear(...[x, x, x].map(({ data }) => ({ data, shape: [1, 1, 4, dim] })), { causal: true, state, featureMap: exp }), /featureMap/);
  });

  test.run();
}
