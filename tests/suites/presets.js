/** The published models' names for linear(), against the oracle, other people's numbers and what they refuse. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, loadGolden, reshape, sliceTime, swapLayout, tensorOf } from '../util.js';
import { attentionSuite, stateFor, throwsKind } from './harness.js';

const map = (x, f) => tensorOf(x.shape, (i) => f(x.data[i]));

export function presets(name, make) {
  const test = attentionSuite(name, make);
  const golden = [...loadGolden('golden')];
  const calls = {
    gla: (attention, { q, k, v, g }, o) => attention.gla(q, k, v, { g, ...o }),
    delta_rule: (attention, { q, k, v, beta }, o) => attention.deltaNet(q, k, v, { beta, ...o }),
    gated_delta_rule: (attention, { q, k, v, g, beta }, o) => attention.gatedDeltaNet(q, k, v, { g, beta, ...o }),
    kda: (attention, { q, k, v, g, beta }, o) => attention.kda(q, k, v, { g, beta, ...o }),
    retention: (attention, { q, k, v }, o) => attention.retention(q, k, v, o),
    mamba2: (attention, { q, k, x, dt, A }, o) => attention.mamba2(x, dt, A, k, q, o),
  };
  for (const [title, { in: given, out, params }] of golden) {
    const call = calls[title.split('.')[0]];
    if (!call) continue;
    test(`golden ${title}`, (attention, keep) => {
      const { k, v, initialState } = given;
      const held = keep(stateFor(attention, { k, v }, { featureMap: 'identity', normalize: false, scale: params.scale }));
      if (initialState) held.set(initialState);
      assertClose(call(attention, given, { state: held }), out.o, { rule: 'golden', name: 'o' });
      if (out.state) assertClose(held.data, out.state, { rule: 'golden', name: 'S' });
      if (!initialState) assertClose(call(attention, given), out.o, { rule: 'golden', name: 'o, default scale' });
    });
  }

  const { q, k, v } = inputs({ batch: 2, heads: 3, T: 20, dim: 6, valueDim: 4, make: gaussian, deviation: 0.4 });
  const g = tensorOf([2, 3, 20, 6], (i) => -(i % 7) / 9);
  const beta = tensorOf([2, 3, 20], (i) => (i % 5) / 5);

  test('alpha, g and decay name the same gate', (attention) => {
    const byLogarithm = attention.gla(q, k, v, { g });
    assertSame(attention.gla(q, k, v, { decay: g }), byLogarithm);
    assertClose(attention.gla(q, k, v, { alpha: map(g, Math.exp) }), byLogarithm, { rule: 'gated' });
    assertClose(attention.kda(q, k, v, { alpha: 0.5, beta }), attention.kda(q, k, v, { g: Math.log(0.5), beta }), { rule: 'delta' });
  });

  test('retention: gamma of the paper, and one given', (attention) => {
    const decay = [0, 1, 2].map((h) => Math.log(1 - 2 ** (-5 - h)));
    assertClose(attention.retention(q, k, v), attention.linear(q, k, v, { featureMap: 'identity', decay, scale: 6 ** -0.5 }), { rule: 'gated' });
    assertClose(attention.retention(q, k, v, { gamma: [0.5, 0, 1], scale: 1 }), attention.linear(q, k, v, { featureMap: 'identity', decay: [Math.log(0.5), -Infinity, 0] }), { rule: 'gated' });
    assertClose(attention.retention(...[q, k, v].map(swapLayout), { layout: 'bthd' }), swapLayout(attention.retention(q, k, v)), { rule: 'gated' });
  });

  test('mamba2: softplus, bias, skip and groups, in both layouts', (attention) => {
    const [batch, heads, groups, T, dim, width] = [2, 4, 2, 21, 6, 5];
    const x = gaussian([batch, heads, T, width], 1);
    const [B, C] = [2, 3].map((seed) => gaussian([batch, groups, T, dim], seed));
    const dt = gaussian([batch, heads, T], 4);
    const A = [-0.5, -1, -2, -0.1];
    const dtBias = [0.1, -0.3, 0, 1];
    const D = [1, 0.5, -1, 2];
    const delta = tensorOf(dt.shape, (i) => Math.log1p(Math.exp(dt.data[i] + dtBias[Math.floor(i / T) % heads])));
    const expand = (group) => tensorOf([batch, heads, T, dim], (i) => {
      const [b, h, rest] = [Math.floor(i / (heads * T * dim)), Math.floor(i / (T * dim)) % heads, i % (T * dim)];
      return group.data[(b * groups + Math.floor((h * groups) / heads)) * T * dim + rest];
    });
    const { o } = oracle.linear(expand(C), expand(B), tensorOf(x.shape, (i) => x.data[i] * delta.data[Math.floor(i / width)]), {
      featureMap: 'identity', causal: true, decay: tensorOf(dt.shape, (i) => delta.data[i] * A[Math.floor(i / T) % heads]),
    });
    const expected = tensorOf(x.shape, (i) => o.data[i] + D[Math.floor(i / (T * width)) % heads] * x.data[i]);
    const options = { D, dtBias, dtSoftplus: true };
    assertClose(attention.mamba2(x, dt, A, B, C, options), expected, { rule: 'gated', name: 'bhtd' });
    const swapDt = reshape(swapLayout(reshape(dt, [...dt.shape, 1])), [batch, T, heads]);
    assertClose(swapLayout(attention.mamba2(swapLayout(x), swapDt, A, swapLayout(B), swapLayout(C), { ...options, layout: 'bthd' })), expected, { rule: 'gated', name: 'bthd' });
    const wide = tensorOf([heads, width], (i) => D[Math.floor(i / width)]);
    assertClose(attention.mamba2(x, dt, A, B, C, { ...options, D: wide }), expected, { rule: 'gated', name: 'D a channel' });
  });

  test('a state carries a preset on, and steps with it', (attention, keep) => {
    const held = keep(stateFor(attention, { k, v }, { featureMap: 'identity', normalize: false, scale: 6 ** -0.5 }));
    const whole = attention.kda(q, k, v, { g, beta });
    const part = (x, from, to) => (x.shape.length === 4 ? sliceTime(x, from, to) : reshape(sliceTime(reshape(x, [...x.shape, 1]), from, to), [2, 3, to - from]));
    attention.kda(...[q, k, v].map((x) => part(x, 0, 19)), { g: part(g, 0, 19), beta: part(beta, 0, 19), state: held });
    const last = (x) => { const one = part(x, 19, 20); return reshape(one, [2, 3, ...one.shape.slice(3)]); };
    const { data } = held.step(last(q), last(k), last(v), { decay: last(g), beta: last(beta) });
    assertClose(data, sliceTime(whole, 19, 20).data, { rule: 'delta' });
  });

  test('refusals name what is missing or out of range', (attention) => {
    const above = tensorOf(g.shape, (i) => (i === 100 ? 0.25 : -1));
    for (const [call, kind, pattern] of [
      [() => attention.gla(q, k, v), TypeError, /gla needs its gate as one of g .* got none/],
      [() => attention.gla(q, k, v, { g: null }), TypeError, /gla needs its gate .* got none/],
      [() => attention.gla(q, k, v, { g, alpha: 0.5 }), TypeError, /got g and alpha/],
      [() => attention.deltaNet(q, k, v), TypeError, /beta of deltaNet must be/],
      [() => attention.gatedDeltaNet(q, k, v, { g }), TypeError, /beta of gatedDeltaNet must be/],
      [() => attention.kda(q, k, v, { beta }), TypeError, /kda needs its gate/],
      [() => attention.gla(q, k, v, { g: above }), RangeError, /g must be at most 0 .* got 0.25 at element 100/],
      [() => attention.gla(q, k, v, { alpha: 1.5 }), RangeError, /alpha\[0\] must be from 0 to 1, got 1.5/],
      [() => attention.deltaNet(q, k, v, { beta: 1.5 }), RangeError, /beta\[0\] must be from 0 to 1, got 1.5/],
      [() => attention.deltaNet(q, k, v, { beta: 2.5, allowNegativeEigenvalues: true }), RangeError, /beta\[0\] must be from 0 to 2, got 2.5/],
      [() => attention.retention(q, k, v, { gamma: [0.5, 2, 0.5] }), RangeError, /gamma\[1\] must be from 0 to 1, got 2/],
      [() => attention.retention(q, k, v, { gamma: [0.5, NaN, 0.5] }), RangeError, /gamma\[1\] must be from 0 to 1, got NaN/],
      [() => attention.retention(q, k, v, { gamma: [0.5, 0.5] }), RangeError, /gamma must be a number or have shape .*\[3\|1\], got \[2\]/],
      [() => attention.gla(q, k, v, { g: gaussian([2, 3, 19, 6], 1) }), RangeError, /g must be a number or have shape \[2, 3\|1, 20\] or \[2, 3\|1, 20, 6\] or \[3\|1\], got \[2, 3, 19, 6\]/],
      [() => attention.gla(q, k, v, { g: 'slow' }), TypeError, /g must be a number, an array of numbers or a tensor .*, got "slow"/],
      [() => attention.gla(q, k, v, { g, rate: 1 }), TypeError, /gla: unknown option 'rate'/],
      [() => attention.linear(q, k, v, { decay: g, causal: false, featureMap: 'identity' }), RangeError, /causal attention only, got causal: false/],
      [() => attention.linear(q, k, v, { beta: gaussian([2, 4, 20], 1) }), RangeError, /beta must be a number or have shape \[2, 3\|1, 20\] or \[2, 20\], got/],
      [() => attention.mamba2(v, undefined, [-1, -1, -1], k, q), TypeError, /dt must be a tensor/],
      [() => attention.mamba2(v, tensorOf([2, 3, 20], () => 1), [-1, -1], k, q), RangeError, /A must be 3 numbers, one a head, got 2$/],
      [() => attention.mamba2(v, tensorOf([2, 3, 20], () => 1), [1, 1, 1], k, q), RangeError, /dt·A must be at most 0/],
      [() => attention.mamba2(v, tensorOf([2, 3, 19], () => 1), [-1, -1, -1], k, q), RangeError, /dt must have shape \[2, 3, 20\], as x without its last axis, got \[2, 3, 19\]/],
      [() => attention.mamba2(v, tensorOf([2, 3, 20], () => 1), [-1, -1, -1], k, gaussian([2, 3, 20, 5], 1)), RangeError, /B must have shape with dim 5, as C has, got \[2, 3, 20, 6\]/],
      [() => attention.mamba2(v, tensorOf([2, 3, 20], () => 1), [-1, -1, -1], gaussian([2, 3, 19, 6], 1), q), RangeError, /x must have shape with batch 2 and length 19, as B has/],
    ]) throwsKind(call, kind, pattern, call.toString());
  });

  test('a state that presets cannot use is what the error names', (attention, keep) => {
    const plain = keep(stateFor(attention, { k, v }));
    throwsKind(() => attention.gla(q, k, v, { g, state: plain }), RangeError, /^state must have featureMap identity, got elu$/);
    const normalised = keep(stateFor(attention, { k, v }, { featureMap: 'identity' }));
    throwsKind(() => attention.gla(q, k, v, { g, state: normalised }), RangeError, /^state must have normalize false, got true$/);
  });

  test('a refused decay leaves the state as it was', (attention, keep) => {
    const held = keep(stateFor(attention, { k, v }, { featureMap: 'identity', normalize: false, scale: 6 ** -0.5 }));
    attention.gla(q, k, v, { g, state: held });
    const before = held.data.slice();
    throwsKind(() => attention.gla(q, k, v, { g: tensorOf(g.shape, (i) => (i === 719 ? 1 : -1)), state: held }), RangeError, /g must be/);
    assertSame(held.data, before);
    assert.equal(held.length, 20);
  });

  test('mamba2: out that is the array of x', (attention) => {
    const x = gaussian([1, 2, 7, 4], 1);
    const [B, C] = [2, 3].map((seed) => gaussian([1, 1, 7, 4], seed));
    const dt = tensorOf([1, 2, 7], (i) => (i % 3) / 4);
    const call = (options) => attention.mamba2(x, dt, [-1, -0.5], B, C, { D: [2, 3], ...options });
    const expected = call();
    assertSame(call({ out: x.data }), expected);
  });

  test('what lies past keyLengths is not read: keys, gates, and x of the skip', (attention) => {
    const ruin = ({ data, shape }, width, bad) => ({ data: data.map((value, i) => (Math.floor(i / width) % 20 >= 13 ? bad : value)), shape });
    const keyLengths = [13, 13];
    const steps = tensorOf([2, 3, 20], (i) => (i % 5) / 4);
    const D = [1, 2, 3];
    const scan = (x, dt) => attention.mamba2(x, dt, [-1, -0.5, -2], k, q, { D, keyLengths });
    const width = v.shape.at(-1);
    assertSame(scan(ruin(v, width, NaN), ruin(steps, 1, -9)), scan(v, steps));
    assertSame(attention.gla(q, k, v, { g: ruin(g, 6, 9), keyLengths }), attention.gla(q, k, v, { g, keyLengths }));
  });

  test('sizes may be big integers', (attention) => {
    const [big, ...rest] = [q, k, v].map(({ data, shape }) => ({ data, dims: shape.map(BigInt) }));
    assertSame(attention.gla(big, ...rest, { g }), attention.gla(q, k, v, { g }));
  });

  test('lists of anything but numbers are refused', (attention) => {
    const dt = tensorOf([2, 3, 20], () => 1);
    const ones = [-1, -1, -1];
    for (const wrong of [['1', 1, 1], [null, 1, 1], [, 1, 1], [1n, 1n, 1n]]) {
      throwsKind(() => attention.retention(q, k, v, { gamma: wrong }), TypeError, /gamma must be/);
      throwsKind(() => attention.gla(q, k, v, { alpha: wrong }), TypeError, /alpha must be/);
      throwsKind(() => attention.mamba2(v, dt, wrong, k, q), TypeError, /A must be/);
      throwsKind(() => attention.mamba2(v, dt, ones, k, q, { D: wrong }), TypeError, /D must be/);
      throwsKind(() => attention.mamba2(v, dt, ones, k, q, { dtBias: wrong }), TypeError, /dtBias must be/);
    }
  });

  test.run();
}
