/** Gates, scales and tokens that do not count: which values are looked at, which are refused, and what is left as it was. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, tensorOf } from '../util.js';
import { attentionSuite, throwsKind } from './harness.js';

export function givenValues(name, make) {
  const test = attentionSuite(name, make);
  const token = (heads, dim, seed) => gaussian([1, heads, dim], seed);

  test('gates that are not numbers are refused by name, and nothing has changed', (attention, keep) => {
    const { q, k, v } = inputs({ heads: 2, T: 5, dim: 4 });
    const state = keep(attention.state({ heads: 2, dim: 4, normalize: false, featureMap: 'identity' }));
    const spoiled = (shape, fill, at) => tensorOf(shape, (i) => (i === at ? NaN : fill));
    const x = token(2, 4, 1);
    const dt = tensorOf([1, 2, 5], () => 0.5);
    for (const [call, message] of [
      [() => attention.linear(q, k, v, { state, decay: NaN }), /^decay must be at most 0 .*got NaN at element 0/],
      [() => attention.linear(q, k, v, { state, decay: spoiled([1, 2, 5], -1, 7) }), /^decay .*got NaN at element 7/],
      [() => attention.linear(q, k, v, { state, decay: spoiled([1, 2, 5, 4], -1, 39) }), /^decay .*got NaN at element 39/],
      [() => attention.linear(q, k, v, { state, beta: spoiled([1, 2, 5], 1, 3) }), /^beta .*got NaN at element 3/],
      [() => attention.linear(q, k, v, { state, beta: Infinity }), /^beta .*got Infinity/],
      [() => state.step(x, x, x, { decay: [NaN, -1] }), /^decay .*got NaN at element 0/],
      [() => state.step(x, x, x, { beta: { data: Float32Array.of(0.5, NaN), shape: [1, 2] } }), /^beta .*got NaN at element 1/],
      [() => attention.gla(q, k, v, { state, scale: 1, alpha: NaN }), /^alpha\[0\] must be from 0 to 1, got NaN/],
      [() => attention.gla(q, k, v, { state, scale: 1, g: spoiled([1, 2, 5], -1, 2) }), /^g .*got NaN at element 2/],
      [() => attention.deltaNet(q, k, v, { state, scale: 1, beta: spoiled([1, 2, 5], 1, 9) }), /^beta\[9\] must be from 0 to 1, got NaN/],
      [() => attention.mamba2(v, spoiled([1, 2, 5], 1, 4), [-1, -1], k, q, { state }), /^dt\[4\] must be a number, got NaN/],
      [() => attention.mamba2(v, dt, [-1, NaN], k, q, { state }), /^A\[1\] must be a number, got NaN/],
      [() => attention.mamba2(v, dt, [-1, -1], k, q, { state, dtBias: [NaN, 0] }), /^dtBias\[0\] must be a number, got NaN/],
    ]) {
      throwsKind(call, RangeError, message);
      assertSame(state.data, new Float32Array(2 * 4 * 4));
      assert.equal(state.length, 0);
    }
  });

  test('of gates only tokens that count are looked at, and the one at fault is named', (attention) => {
    const { q, k, v } = inputs({ batch: 2, heads: 2, T: 5, dim: 4 });
    const keyLengths = [3, 5];
    const padded = tensorOf([2, 2, 5], (i) => (Math.floor(i / 10) === 0 && i % 5 >= 3 ? (i % 2 ? NaN : 7) : -0.5));
    const clean = tensorOf([2, 2, 5], () => -0.5);
    assertSame(attention.linear(q, k, v, { decay: padded, beta: padded, keyLengths }), attention.linear(q, k, v, { decay: clean, beta: clean, keyLengths }));
    const wrong = tensorOf([2, 2, 5], (i) => (i === 17 ? 0.25 : padded.data[i]));
    throwsKind(() => attention.linear(q, k, v, { decay: wrong, keyLengths }), RangeError, /got 0\.25 at element 17/);
    const swapped = { data: Float32Array.from({ length: 20 }, (_, i) => wrong.data[Math.floor(i / 10) * 10 + (i % 2) * 5 + (Math.floor(i / 2) % 5)]), shape: [2, 5, 2] };
    const bthd = (x) => tensorOf([2, 5, 2, 4], (i) => x.data[Math.floor(i / 40) * 40 + (Math.floor(i / 4) % 2) * 20 + (Math.floor(i / 8) % 5) * 4 + (i % 4)]);
    throwsKind(() => attention.linear(bthd(q), bthd(k), bthd(v), { decay: swapped, keyLengths, layout: 'bthd' }), RangeError, /got 0\.25 at element 15/);
  });

  test('a scale is the float32 that the core computes with', (attention) => {
    for (let dim = 1; dim <= 256; dim++) {
      const state = attention.state({ heads: 1, dim, scale: dim ** -0.5, eps: 1 / 3, normalize: true });
      try {
        const x = tensorOf([1, 1, 1, dim], () => 1);
        attention.linear(x, x, x, { state, causal: true, scale: 1 / Math.sqrt(dim), eps: Math.fround(1 / 3) });
      } finally {
        state.dispose();
      }
    }
  });

  test('one token that does not count leaves the state as it is', (attention, keep) => {
    const { q, k, v } = inputs({ batch: 2, T: 1, dim: 4 });
    const state = keep(attention.state({ batch: 2, heads: 1, dim: 4 }));
    attention.linear(q, k, v, { state, causal: true });
    const [S, z] = [state.data.slice(), state.keySum.slice()];
    const pad = tensorOf(v.shape, () => NaN);
    attention.linear(q, k, pad, { state, causal: true, keyLengths: [0, 0] });
    assertSame(state.data, S);
    assertSame(state.keySum, z);
    assert.equal(state.length, 1);
    attention.linear(q, k, v, { state, causal: true, keyLengths: [0, 1] });
    assertSame(state.data.slice(0, 16), S.slice(0, 16));
    assert.ok(state.data.slice(16).some((x, i) => x !== S[16 + i]));
  });

  test('rows of a padded batch go on from their own positions', (attention, keep) => {
    const map = keep(attention.featureMap('cosformer', { dim: 4, maxLength: 32 }));
    const first = inputs({ batch: 2, T: 6, dim: 4 });
    const second = inputs({ batch: 2, T: 3, dim: 4, seed: 7 });
    const keyLengths = [2, 6];
    const state = keep(attention.state({ batch: 2, heads: 1, dim: 4, featureMap: map }));
    attention.linear(first.q, first.k, first.v, { state, causal: true, keyLengths });
    assert.equal(state.length, 6);
    const result = attention.linear(second.q, second.k, second.v, { state, causal: true });
    assert.equal(state.length, 9);
    const t = (x) => tensorOf([2, 1, 4], (i) => x.data[i]);
    const stepped = state.step(t(gaussian([2, 1, 4], 1)), t(gaussian([2, 1, 4], 2)), t(gaussian([2, 1, 4], 3)));
    for (let b = 0; b < 2; b++) {
      // The row alone, without its padding.
      const row = (x, from, rows) => ({ data: x.data.slice((b * x.shape[2] + from) * 4, (b * x.shape[2] + from + rows) * 4), shape: [1, 1, rows, 4] });
      const alone = keep(attention.state({ heads: 1, dim: 4, featureMap: map }));
      attention.linear(row(first.q, 0, keyLengths[b]), row(first.k, 0, keyLengths[b]), row(first.v, 0, keyLengths[b]), { state: alone, causal: true });
      const expected = attention.linear(row(second.q, 0, 3), row(second.k, 0, 3), row(second.v, 0, 3), { state: alone, causal: true });
      assertSame(result.data.slice(b * 12, b * 12 + 12), expected.data);
      const one = (seed) => ({ data: gaussian([2, 1, 4], seed).data.slice(b * 4, b * 4 + 4), shape: [1, 1, 4] });
      assertSame(stepped.data.slice(b * 4, b * 4 + 4), alone.step(one(1), one(2), one(3)).data);
      assert.equal(alone.length, [6, 10][b]);
    }
    const whole = oracle.linear(first.q, first.k, first.v, { featureMap: 'elu', causal: true }).o;
    assertClose(attention.linear(first.q, first.k, first.v, { causal: true }), whole, { rule: 'linear' });
  });

  test.run();
}
