/** Heads of q, k and v that differ: every form gives what heads written out one by one give. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, joinTime, reshape, sliceTime, swapLayout, tensorOf } from '../util.js';
import { attentionSuite, throwsKind, token } from './harness.js';

const [batch, T, dim, valueDim] = [2, 37, 6, 5];

/** [heads of q, of k, of v]: more of v than of k as in Gated DeltaNet, fewer, fewer of q, and groups within groups. */
const counts = [[4, 2, 4], [2, 2, 4], [2, 4, 2], [1, 2, 6], [8, 2, 4], [4, 6, 12], [3, 1, 1], [1, 1, 3], [1, 3, 1]];

/** Head h of `heads` as a copy of head ⌊h·n/heads⌋ of x's n, along axis 1. */
function spread({ data, shape }, heads) {
  const [B, n, ...rest] = shape;
  const size = rest.reduce((product, one) => product * one, 1);
  return tensorOf([B, heads, ...rest], (i) => data[(Math.floor(i / size / heads) * n + Math.floor(((Math.floor(i / size) % heads) * n) / heads)) * size + (i % size)]);
}

const make = ([q, k, v], length = T) => ({ q: gaussian([batch, q, length, dim], 1), k: gaussian([batch, k, length, dim], 2, 0.5), v: gaussian([batch, v, length, valueDim], 3) });
const statesOf = ([, k, v]) => Math.max(k, v);
const headsOf = (numbers) => Math.max(...numbers);

/** q, k and v with a head each for every head of the result; and S of those, at the states' own. */
const written = ({ q, k, v }, heads) => [q, k, v].map((x) => spread(x, heads));
const ownStates = (S, states) => tensorOf([S.shape[0], states, ...S.shape.slice(2)], (i) => {
  const size = S.shape.slice(2).reduce((product, one) => product * one, 1);
  const [b, s] = [Math.floor(i / size / states), Math.floor(i / size) % states];
  return S.data[(b * S.shape[1] + (s * S.shape[1]) / states) * size + (i % size)];
});

export function heads(name, makeAttention) {
  const test = attentionSuite(name, makeAttention);

  for (const numbers of counts) {
    const title = `${numbers.join(', ')} heads of q, k and v`;
    const [most, states] = [headsOf(numbers), statesOf(numbers)];

    test(`${title}: full and causal, both layouts, with and without normaliser`, (attention) => {
      const x = make(numbers);
      for (const options of [{}, { causal: true }, { causal: true, normalize: false }]) {
        const expected = oracle.linear(...written(x, most), options);
        const result = attention.linear(x.q, x.k, x.v, options);
        assert.deepEqual(result.shape, [batch, most, T, valueDim]);
        assertClose(result, expected.o, { rule: 'linear' });
        const swapped = attention.linear(swapLayout(x.q), swapLayout(x.k), swapLayout(x.v), { ...options, layout: 'bthd' });
        assert.deepEqual(swapped.shape, [batch, T, most, valueDim]);
        assertClose(swapLayout(swapped), expected.o, { rule: 'linear', name: 'bthd' });
      }
    });

    test(`${title}: gates of one head, of k's and of the states', whole, in parts and in steps`, (attention, keep) => {
      const x = make(numbers);
      for (const count of new Set([1, numbers[1], states])) {
        const decay = tensorOf([batch, count, T], (i) => -(i % 7) / 10);
        const channel = tensorOf([batch, count, T, dim], (i) => -(i % 11) / 20);
        const beta = tensorOf([batch, count, T], (i) => (i % 4) / 8);
        for (const gates of [{ decay }, { decay: channel }, { beta }, { decay, beta }]) {
          const all = Object.fromEntries(Object.entries(gates).map(([gate, value]) => [gate, spread(value, most)]));
          const expected = oracle.linear(...written(x, most), { featureMap: 'identity', causal: true, ...all });
          const options = { featureMap: 'identity', normalize: false };
          assertClose(attention.linear(x.q, x.k, x.v, { ...options, ...gates }), expected.o, { rule: 'delta', name: 'whole' });
          const swapGate = ({ data, shape }) => reshape(swapLayout({ data, shape: [...shape, ...(shape.length === 3 ? [1] : [])] }), [batch, T, count, ...shape.slice(3)]);
          const swapped = attention.linear(...[x.q, x.k, x.v].map(swapLayout), { ...options, layout: 'bthd', ...Object.fromEntries(Object.entries(gates).map(([gate, value]) => [gate, swapGate(value)])) });
          assertClose(swapLayout(swapped), expected.o, { rule: 'delta', name: 'bthd' });
          const state = keep(attention.state({ batch, heads: states, dim, valueDim, ...options }));
          const wide = ({ data, shape }) => ({ data, shape: [...shape.slice(0, 3), shape[3] ?? 1] });
          const part = (gate, from, to) => {
            const { data, shape } = sliceTime(wide(gate), from, to);
            return { data, shape: gate.shape.length === 4 ? shape : shape.slice(0, 3) };
          };
          const gatesOf = (from, to) => Object.fromEntries(Object.entries(gates).map(([gate, value]) => [gate, part(value, from, to)]));
          const first = attention.linear(...[x.q, x.k, x.v].map((one) => sliceTime(one, 0, 20)), { state, ...gatesOf(0, 20) });
          const steps = Array.from({ length: T - 20 }, (_, i) => {
            const stepGates = Object.fromEntries(Object.entries(gatesOf(20 + i, 21 + i)).map(([gate, { data, shape }]) => [gate, { data, shape: [shape[0], shape[1], ...shape.slice(3)] }]));
            const { data, shape } = state.step(token(x.q, 20 + i), token(x.k, 20 + i), token(x.v, 20 + i), stepGates);
            return { data, shape: [shape[0], shape[1], 1, shape[2]] };
          });
          assertClose(joinTime([first, ...steps]), expected.o, { rule: 'delta', name: 'in parts' });
          assert.deepEqual(steps[0].shape, [batch, most, 1, valueDim]);
          assertClose(state.data, ownStates(expected.S, states), { rule: 'delta', name: 'S' });
        }
      }
    });
  }

  test('a map with weights a head of k: each result asks by those of its key', (attention, keep) => {
    for (const numbers of counts) {
      const x = make(numbers);
      const [most, states] = [headsOf(numbers), statesOf(numbers)];
      const weights = reshape(gaussian([1, numbers[1], dim, 7], 9, 0.4), [numbers[1], dim, 7]);
      const mapOf = (given) => keep(attention.featureMap('learned', { dim, activation: 'exp', weights: given }));
      const [own, each] = [mapOf(weights), mapOf(reshape(spread(reshape(weights, [1, ...weights.shape]), most), [most, dim, 7]))];
      const name = `${numbers}`;
      for (const causal of [false, true]) {
        const expected = attention.linear(...written(x, most), { featureMap: each, causal }).data;
        assertClose(attention.linear(x.q, x.k, x.v, { featureMap: own, causal }), expected, { rule: 'linear', name });
      }
      const state = keep(attention.state({ batch, heads: states, dim, valueDim, featureMap: own }));
      const whole = attention.linear(...written(x, most), { featureMap: each, causal: true });
      for (let t = 0; t < 3; t++) assertClose(state.step(token(x.q, t), token(x.k, t), token(x.v, t)), sliceTime(whole, t, t + 1).data, { rule: 'linear', name: `${name}, step ${t}` });
    }
  });

  test('a number a head, of k or of the states; a list of one is for all', (attention) => {
    const x = make([2, 2, 4]);
    const call = (decay) => attention.linear(x.q, x.k, x.v, { decay });
    assertSame(call([-0.1, -0.2]), call([-0.1, -0.1, -0.2, -0.2]));
    assertSame(call([-0.3]), call(-0.3));
    for (const wrong of [[-1, -1, -1], tensorOf([batch, 3, T], () => -1)]) {
      throwsKind(() => call(wrong), RangeError, /^decay must be a number or have shape \[2, 4\|2\|1, 37\] or \[2, 4\|2\|1, 37, (features|6)\] or \[4\|2\|1\], got/);
    }
  });

  test('fewer axes: one head of q and k, and more of v', (attention, keep) => {
    const [q, k] = [1, 2].map((seed) => gaussian([T, dim], seed));
    const v = gaussian([3, T, valueDim], 3);
    const four = [reshape(q, [1, 1, T, dim]), reshape(k, [1, 1, T, dim]), reshape(v, [1, 3, T, valueDim])];
    const expected = attention.linear(...four, { causal: true });
    const result = attention.linear(q, k, v, { causal: true });
    assert.deepEqual(result.shape, [3, T, valueDim]);
    assertSame(result.data, expected.data);
    const decay = tensorOf([3, T], (i) => -(i % 5) / 9);
    assertSame(attention.linear(q, k, v, { decay }).data, attention.linear(...four, { decay: reshape(decay, [1, 3, T]) }).data);
    const swapped = attention.linear(q, k, swapLayout(reshape(v, [1, 3, T, valueDim])), { causal: true, layout: 'bthd' });
    assert.deepEqual(swapped.shape, [T, 3, valueDim]);
    assertSame(swapLayout(reshape(swapped, [1, T, 3, valueDim])).data, expected.data);
    const [three, two] = [0, 1].map(() => keep(attention.state({ heads: 3, dim, valueDim })));
    const one = four.map((x) => token(x, 0));
    const short = two.step(...one.map((x) => reshape(x, x.shape.slice(1))));
    assert.deepEqual(short.shape, [3, valueDim]);
    assertSame(short.data, three.step(...one).data);
  });

  test('maps have the heads of k; a state takes those of any divisor of its own', (attention, keep) => {
    const numbers = [4, 2, 4];
    const x = make(numbers);
    const weights = gaussian([2, dim, 7], 5);
    const two = keep(attention.featureMap('learned', { dim, weights }));
    const four = keep(attention.featureMap('learned', { dim, weights: reshape(spread(reshape(weights, [1, 2, dim, 7]), 4), [4, dim, 7]) }));
    const expected = attention.linear(x.q, spread(x.k, 4), x.v, { causal: true, featureMap: four });
    assertClose(attention.linear(x.q, x.k, x.v, { causal: true, featureMap: two }), expected, { rule: 'map linear' });
    const state = keep(attention.state({ batch, heads: 4, dim, valueDim, featureMap: two }));
    const parts = [[0, 30], [30, 31]].map(([from, to]) => attention.linear(...[x.q, x.k, x.v].map((one) => sliceTime(one, from, to)), { causal: true, state }));
    const last = state.step(token(x.q, 31), token(x.k, 31), token(x.v, 31));
    assertClose(joinTime([...parts, reshape(last, [batch, 4, 1, valueDim])]), sliceTime(expected, 0, 32), { rule: 'map linear' });
    assertSame(keep(attention.restore(state.save())).data, state.data);
    const wide = spread(x.k, 4);
    throwsKind(() => attention.linear(x.q, wide, x.v, { causal: true, state }), RangeError, /^featureMap must be for 1 head or the 4 of k, got one for 2/);
    throwsKind(() => state.step(token(x.q, 0), token(wide, 0), token(x.v, 0)), RangeError, /^featureMap must be for 1 head or the 4 of k, got one for 2/);
    throwsKind(() => attention.state({ heads: 3, dim, featureMap: two }), RangeError, /^featureMap must be for 1 head or a divisor of the state's heads, 3, got one for 2/);
  });

  test('heads that a state does not have', (attention, keep) => {
    const state = keep(attention.state({ batch, heads: 4, dim, valueDim }));
    const refuse = (numbers, pattern) => {
      const x = make(numbers, 1);
      throwsKind(() => attention.linear(x.q, x.k, x.v, { causal: true, state }), RangeError, pattern);
      throwsKind(() => state.step(...[x.q, x.k, x.v].map((one) => token(one, 0))), RangeError, /heads of [qkv] must be/);
      assert.equal(state.length, 0);
    };
    refuse([2, 2, 2], /^heads of k must be 4, as the state has, got 2/);
    refuse([4, 2, 1], /^heads of k and v, the larger number, must be 4, as the state has, got 2/);
    refuse([8, 8, 4], /^heads of k and v, the larger number, must be 4, as the state has, got 8/);
    refuse([3, 2, 4], /^heads of q must be a multiple or a divisor of the 4 of v, got 3/);
    refuse([4, 3, 4], /^heads of v must be a multiple or a divisor of the 3 of k, got 4/);
  });

  test('presets: more heads of v than of k', (attention, keep) => {
    const x = make([2, 2, 4]);
    const g = tensorOf([batch, 4, T], (i) => -(i % 5) / 9);
    const beta = tensorOf([batch, 4, T], (i) => (i % 3) / 6);
    const all = [spread(x.q, 4), spread(x.k, 4), x.v];
    for (const [call, rule] of [
      [(q, k, v) => attention.gatedDeltaNet(q, k, v, { g, beta }), 'delta'],
      [(q, k, v) => attention.deltaNet(q, k, v, { beta }), 'delta'],
      [(q, k, v) => attention.gla(q, k, v, { alpha: 0.9 }), 'gated'],
      [(q, k, v) => attention.retention(q, k, v), 'gated'],
    ]) assertClose(call(x.q, x.k, x.v), call(...all), { rule });
    const narrow = [gaussian([batch, 1, T, dim], 1), gaussian([batch, 2, T, dim], 2)];
    const dt = tensorOf([batch, 4, T], (i) => (i % 4) / 9);
    const scan = (B, C) => attention.mamba2(x.v, dt, [-1, -0.5, -2, -0.1], B, C);
    assertClose(scan(narrow[0], narrow[1]), scan(...narrow.map((one) => spread(one, 4))), { rule: 'gated' });
    const state = keep(attention.state({ batch, heads: 4, dim, valueDim, featureMap: 'identity', normalize: false }));
    attention.mamba2(x.v, dt, [-1, -0.5, -2, -0.1], ...narrow, { state });
    assert.equal(state.length, T);
  });

  test('pieces: heads that differ are cut where none belongs to two', (attention, keep) => {
    for (const [q, k, v] of [[8, 4, 4], [4, 8, 4], [4, 4, 8], [4, 6, 12]]) {
      const x = { q: gaussian([2, q, 300, 64], 1), k: gaussian([2, k, 300, 64], 2), v: gaussian([2, v, 300, 80], 3) };
      const resident = Object.values(x).map(({ data, shape }) => keep(attention.tensor(shape, data)));
      const out = keep(attention.tensor([2, Math.max(q, k, v), 300, 80]));
      for (const causal of [false, true]) {
        const expected = attention.linear(...resident, { causal, out });
        const wanted = expected.data.slice();
        assertSame(attention.linear(x.q, x.k, x.v, { causal }).data, wanted);
        assertClose(swapLayout(attention.linear(swapLayout(x.q), swapLayout(x.k), swapLayout(x.v), { causal, layout: 'bthd' })), wanted, { rule: 'linear', name: 'bthd' });
        assertSame(attention.linear(x.q, x.k, x.v, { causal, out: new Float32Array(out.data.length) }).data, wanted);
      }
    }
  });

  test.run();
}
