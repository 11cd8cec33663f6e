/** favor and rff beyond what float32 can hold: exponents of the state, online, and their way through save and set. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, joinTime, loadGolden, reshape, sliceTime, tensorOf } from '../util.js';
import { attentionSuite, stateFor, token } from './harness.js';
import { rowsOf2d } from './map_cases.js';

const [T, dim, heads] = [90, 8, 2];
const omega = gaussian([24, dim], 5);

/** q and k whose norms grow with the position, so that every later key raises the largest exponent, and v. */
function growing(most) {
  const { q, k, v } = inputs({ heads, T, dim, valueDim: 5, make: gaussian });
  const grow = (x) => tensorOf(x.shape, (i) => (x.data[i] * most * (1 + (Math.floor(i / dim) % T))) / T);
  return { q: grow(q), k: grow(k), v };
}

const maps = [
  { mapName: 'favor', extra: { normTerm: false }, reference: oracle.favor },
  { mapName: 'favor', extra: { hyperbolic: true, normTerm: false }, reference: oracle.favor },
  { mapName: 'favor', extra: {}, reference: oracle.favor },
];

export function scaled(name, make) {
  const test = attentionSuite(name, make);

  for (const { mapName, extra, reference } of maps) {
    const title = `${mapName} ${JSON.stringify(extra)}`;
    const made = (attention, keep) => keep(attention.featureMap(mapName, { dim, projection: omega, ...extra }));
    /** The oracle's features in float64 with the largest exponent taken out, which cancels when eps is 0. */
    const expected = ({ q, k, v }, causal) => oracle.linear(q, k, v, { featureMap: reference({ omega: rowsOf2d(omega), ...extra }), causal, eps: 0 }).o;

    for (const most of extra.normTerm === false ? [1, 12, 20] : [1, 6, 12]) {
      test(`${title}: keys of growing norm, up to ${most} a component`, (attention, keep) => {
        const featureMap = made(attention, keep);
        const qkv = growing(most);
        const form = { featureMap, eps: 0 };
        const rule = 'exponents';
        const wanted = expected(qkv, true);
        assert.ok(wanted.data.every(Number.isFinite), 'the inputs must not overflow float64');
        assertClose(attention.linear(...Object.values(qkv), { ...form, causal: true }), wanted, { rule, name: 'causal' });
        assertClose(attention.linear(...Object.values(qkv), form), expected(qkv, false), { rule, name: 'full' });
        const held = keep(stateFor(attention, qkv, form));
        const first = attention.linear(...Object.values(qkv).map((x) => sliceTime(x, 0, 31)), { causal: true, state: held });
        const restored = keep(attention.restore(held.save()));
        const copied = keep(held.clone());
        const rest = (state) => joinTime(Array.from({ length: T - 31 }, (_, i) => {
          const { data, shape: [B, H, d] } = state.step(...Object.values(qkv).map((x) => token(x, 31 + i)));
          return reshape({ data }, [B, H, 1, d]);
        }));
        const stepped = rest(held);
        assertClose(joinTime([first, stepped]), wanted, { rule, name: 'a part, then steps' });
        assertSame(rest(restored), stepped, 'restored');
        assertSame(rest(copied), stepped, 'cloned');
        held.reset();
        assertClose(attention.linear(...Object.values(qkv), { causal: true, state: held }), wanted, { rule, name: 'after reset' });
      });
    }
  }

  test('favor: a state of ordinary keys holds the plain sums, which set() takes', (attention, keep) => {
    const featureMap = keep(attention.featureMap('favor', { dim, features: 16, seed: 3 }));
    const qkv = inputs({ heads, T, dim, make: gaussian });
    const [one, two] = [0, 1].map(() => keep(stateFor(attention, qkv, { featureMap })));
    attention.linear(...Object.values(qkv), { causal: true, state: one });
    const features = featureMap.apply(qkv.k, { as: 'key' });
    const sums = tensorOf([1, heads, 16], (i) => features.data.reduce((sum, f, j) => (Math.floor(j / (T * 16)) === Math.floor(i / 16) && j % 16 === i % 16 ? sum + f : sum), 0));
    assertClose(one.keySum, sums, { rule: 'features' });
    two.set(one.data, one.keySum);
    const next = Object.values(inputs({ heads, T: 20, dim, seed: 9, make: gaussian }));
    assertSame(attention.linear(...next, { causal: true, state: two }), attention.linear(...next, { causal: true, state: one }));
  });

  /** Tokens from … to − 1 of a gate [B, H, T]. */
  const sliceGate = ({ data, shape: [B, H, length] }, from, to) => tensorOf([B, H, to - from], (i) => data[Math.floor(i / (to - from)) * length + from + (i % (to - from))]);

  /** The same numbers, whole, in steps, and in two parts, against the float64 recurrence. */
  function assertForms(attention, keep, qkv, form, wanted) {
    const rule = 'exponents';
    const length = qkv[0].shape[2];
    const gatesOf = (from, to) => Object.fromEntries(['decay', 'beta'].filter((gate) => form[gate]).map((gate) => [gate, sliceGate(form[gate], from, to)]));
    const { decay, beta, ...rest } = form;
    assertClose(attention.linear(...qkv, { ...form, causal: true }), wanted, { rule, name: 'whole' });
    const held = keep(stateFor(attention, { k: qkv[1], v: qkv[2] }, rest));
    const steps = Array.from({ length }, (_, t) => {
      const gates = Object.fromEntries(Object.entries(gatesOf(t, t + 1)).map(([gate, { data, shape: [B, H] }]) => [gate, { data, shape: [B, H] }]));
      const { data, shape: [B, H, d] } = held.step(...qkv.map((x) => token(x, t)), gates);
      return reshape({ data }, [B, H, 1, d]);
    });
    assertClose(joinTime(steps), wanted, { rule, name: 'steps' });
    held.reset();
    const cut = Math.floor(length / 2);
    const parts = [[0, cut], [cut, length]].map(([from, to]) => attention.linear(...qkv.map((x) => sliceTime(x, from, to)), { ...gatesOf(from, to), causal: true, state: held }));
    assertClose(joinTime(parts), wanted, { rule, name: 'two parts' });
  }

  const square = { data: Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0)), shape: [4, 4] };
  const rowsOfSquare = rowsOf2d(square);
  const sequence = (rows) => ({ data: Float32Array.from(rows.flat()), shape: [1, 1, rows.length, rows[0].length] });
  const gate = (numbers) => ({ data: Float32Array.from(numbers), shape: [1, 1, numbers.length] });

  test('favor and rff with the delta rule: S and φ(k) are kept scaled, what is recalled is not', (attention, keep) => {
    const k = sequence([[10, 9, 8, 7], [9.5, 9, 8, 7.5], [10, 9.5, 8, 7]]);
    const q = sequence([[0.1, 0.2, 0.3, 0.4], [0.5, 0.1, 0, 0], [0, 0, 0.2, 0.1]]);
    const v = sequence([[1], [2], [-3]]);
    for (const [mapName, reference, shrink] of [['favor', oracle.favor, 1], ['rff', oracle.rff, 0.9]]) {
      const featureMap = keep(attention.featureMap(mapName, { dim: 4, projection: square }));
      for (const beta of [[1, 1, 0.5], [0.01, 0.02, 0.03]]) {
        const keys = mapName === 'favor' ? k : tensorOf(k.shape, (i) => k.data[i] * shrink * 0.1);
        const form = { featureMap, normalize: mapName === 'favor', eps: 0, beta: gate(beta) };
        const wanted = oracle.linear(q, keys, v, { ...form, causal: true, featureMap: reference({ omega: rowsOfSquare }) }).o;
        assertForms(attention, keep, [q, keys, v], form, wanted);
      }
    }
    const far = { ...inputs({ heads, T: 40, dim, valueDim: 3, make: gaussian }) };
    const keys = tensorOf(far.k.shape, (i) => far.k.data[i] * 9);
    const featureMap = keep(attention.featureMap('favor', { dim, projection: omega }));
    const form = { featureMap, normalize: true, eps: 0, beta: tensorOf([1, heads, 40], () => 1) };
    const wanted = oracle.linear(far.q, keys, far.v, { ...form, causal: true, featureMap: oracle.favor({ omega: rowsOf2d(omega) }) }).o;
    assertForms(attention, keep, [far.q, keys, far.v], form, wanted);
  });

  test('favor and rff with decay: keys far below those that have decayed away count', (attention, keep) => {
    const falling = Array.from({ length: 200 }, (_, t) => (t === 0 ? [20, 10, 5, 5] : [0.1, 0.2, 0.3 + (t % 3) / 10, 0.1]));
    const steady = sequence(falling.map(() => [0.1, 0.2, 0.1, 0.1]));
    const values = sequence(falling.map((_, t) => [t === 0 ? 5 : 7, t % 7]));
    const smaller = [[10, 10, 10, 10], [16, 16, 16, 16], [16, 15, 16, 16], [11, 11, 10, 10]];
    const cases = [
      ['rff', oracle.rff, falling, steady, values, falling.map(() => -1)],
      ['rff', oracle.rff, falling, steady, values, falling.map((_, t) => (t === 3 ? -Infinity : -0.5))],
      ['favor', oracle.favor, smaller, sequence(smaller.map(() => [0.1, 0.1, 0.1, 0.1])), sequence([[5], [7], [8], [9]]), [0, -Infinity, -1, -2]],
      ['favor', oracle.favor, smaller, sequence(smaller.map(() => [0.1, 0.1, 0.1, 0.1])), sequence([[5], [7], [8], [9]]), [0, -300, -1, -500]],
    ];
    for (const [mapName, reference, keys, q, v, decay] of cases) {
      const featureMap = keep(attention.featureMap(mapName, { dim: 4, projection: square }));
      const form = { featureMap, normalize: true, eps: 0, decay: gate(decay) };
      const wanted = oracle.linear(q, sequence(keys), v, { ...form, causal: true, featureMap: reference({ omega: rowsOfSquare }) }).o;
      assertForms(attention, keep, [q, sequence(keys), v], form, wanted);
    }
  });

  test('favor, not normalised: a result within float32 whose factor is not', (attention, keep) => {
    const featureMap = keep(attention.featureMap('favor', { dim: 4, projection: square, normTerm: false }));
    const large = 60 * Math.SQRT2;
    const [q, k, v] = [sequence([[large, 0, 0, 0]]), sequence([[0, large, 0, 0]]), sequence([[1]])];
    const wanted = oracle.linear(q, k, v, { normalize: false, featureMap: oracle.favor({ omega: rowsOfSquare, normTerm: false }) }).o;
    for (const causal of [false, true]) assertClose(attention.linear(q, k, v, { featureMap, causal, normalize: false }), wanted, { rule: 'exponents' });
  });

  test('favor: rows whose weights all underflow are 0, not NaN', (attention, keep) => {
    const featureMap = keep(attention.featureMap('favor', { dim, projection: omega, normTerm: false }));
    const { data } = attention.linear(...Object.values(growing(80)), { featureMap, causal: true, eps: 0 });
    assert.ok(data.every(Number.isFinite));
    assert.ok(data.some((x) => x === 0), 'the inputs must make some rows underflow');
  });

  test('rff: a denominator that vanishes gives no NaN and no infinity', (attention, keep) => {
    for (const gaussianKernel of [false, true]) {
      const featureMap = keep(attention.featureMap('rff', { dim, features: 2, seed: 1, gaussian: gaussianKernel }));
      for (const scale of [1, 10, 60]) {
        const { q, k, v } = inputs({ T: 300, dim, make: gaussian, deviation: scale });
        for (const causal of [false, true]) assert.ok(attention.linear(q, k, v, { featureMap, causal }).data.every(Number.isFinite), `scale ${scale}`);
      }
    }
  });

  test("performer-pytorch's epsilon in linear(), full and causal", (attention, keep) => {
    const { in: { q, k, v, w }, out } = loadGolden('golden').get('favor.performer');
    const featureMap = keep(attention.featureMap('favor', { dim: 32, projection: w, epsilon: 1e-4 }));
    assertClose(attention.linear(q, k, v, { featureMap, eps: 0 }), out.o, { rule: 'golden', name: 'full' });
    const held = keep(stateFor(attention, { k, v }, { featureMap, eps: 0 }));
    // Its causal form adds 1e-6 to every entry of the key sum instead of to the denominator.
    held.set(new Float32Array(held.data.length), new Float32Array(held.keySum.length).fill(1e-6));
    assertClose(attention.linear(q, k, v, { causal: true, state: held }), out.oCausal, { rule: 'golden', name: 'causal' });
  });

  test('as many features as there may be, not causal', (attention, keep) => {
    const { q, k, v } = inputs({ T: 5, dim: 2, make: gaussian });
    const omega = gaussian([65536, 2], 1);
    const rows = Array.from({ length: 65536 }, (_, i) => omega.data.subarray(2 * i, 2 * i + 2));
    const map = keep(attention.featureMap('favor', { dim: 2, projection: omega }));
    assertClose(attention.linear(q, k, v, { featureMap: map }), oracle.linear(q, k, v, { featureMap: oracle.favor({ omega: rows }) }).o, { rule: 'many features' });
  });

  test.run();
}
