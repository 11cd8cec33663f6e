/** Packed sequences of linear attention and its presets: each as if it had been called alone. */
import assert from 'node:assert';
import { toleranceOf } from '../generate/maps.js';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, joinTime, poison, reshape, sliceTime, swapLayout, tensorOf } from '../util.js';
import { attentionSuite, throwsKind } from './harness.js';
import { rowsOf, StateCase, testStates } from './state_cases.js';

/** Empty ones, of one token, and longer than blocks. */
const SEQUENCES = [0, 0, 5, 6, 6, 41, 50];
const T = SEQUENCES.at(-1);

/** `call(from, to)` of each sequence, put together. */
const apart = (call, sequences = SEQUENCES) => joinTime(sequences.slice(1).map((end, i) => call(sequences[i], end)));

/** A gate with a number a token, or more, cut along its axis of tokens. */
const cutGate = (x, from, to) => (x?.shape?.length === 3 ? reshape(sliceTime(reshape(x, [...x.shape, 1]), from, to), [...x.shape.slice(0, 2), to - from]) : x?.shape ? sliceTime(x, from, to) : x);

export function sequences(name, make) {
  const test = attentionSuite(name, make);

  /** On one thread a sequence has the bits of a call of its own; how threads divide a call depends on the others. */
  const same = (attention, actual, expected, rule) => (attention.threads === 1 ? assertSame(actual, expected) : assertClose(actual, expected, { rule }));

  testStates(test, 'a sequence is as a call of its own', (attention, keep, one) => {
    const each = new StateCase(attention, keep, one, { batch: 2, length: T });
    const { q, k, v } = each.inputs;
    const call = (from, to, options) => {
      const cut = (x) => sliceTime(x, from, to);
      return attention.linear(cut(q), cut(k), cut(v), { featureMap: each.featureMap, normalize: one.normalize === 'yes', ...each.gates(cut), ...options });
    };
    for (const causal of one.rule === 'linear' && one.decay === 'none' ? [true, false] : [true]) {
      same(attention, call(0, T, { causal, sequences: SEQUENCES }), apart((from, to) => call(from, to, { causal })), toleranceOf(one));
    }
  });

  const [batch, heads, kvHeads, dim, valueDim] = [2, 4, 2, 7, 6];
  const qkv = Object.values(inputs({ batch, heads, kvHeads, T, dim, valueDim, make: gaussian, deviation: 0.5 }));
  const decay = tensorOf([batch, kvHeads, T], (i) => -(i % 7) / 9);
  const channel = tensorOf([batch, kvHeads, T, dim], (i) => -(i % 5) / 9);
  const beta = tensorOf([batch, kvHeads, T], (i) => (i % 5) / 20);

  for (const [title, rule, options] of [
    ['causal', 'linear', { causal: true }], ['full', 'linear', {}], ['decay a channel', 'gated', { decay: channel, featureMap: 'identity' }], ['gated delta', 'delta', { decay, beta, featureMap: 'identity' }],
  ]) {
    test(`as float64 has it, in both layouts, where they are asked for: ${title}`, (attention, keep) => {
      const gates = (from, to) => ({ ...(options.decay && { decay: cutGate(options.decay, from, to) }), ...(options.beta && { beta: cutGate(options.beta, from, to) }) });
      const expected = apart((from, to) => oracle.linear(...qkv.map((x) => sliceTime(x, from, to)), { ...options, causal: options.causal || rule !== 'linear', ...gates(from, to) }).o);
      const out = poison(batch * heads * T * valueDim);
      const result = attention.linear(...qkv, { ...options, sequences: SEQUENCES, out });
      assert.equal(result.data, out);
      assertClose(result, expected, { rule });
      const resident = keep(attention.tensor(result.shape, poison(out.length)));
      assertSame(attention.linear(...qkv, { ...options, sequences: Int32Array.from(SEQUENCES), out: resident }).data, result.data);
      const swapGate = (x) => (x.shape.length === 4 ? swapLayout(x) : reshape(swapLayout(reshape(x, [...x.shape, 1])), [batch, T, kvHeads]));
      const swapped = Object.fromEntries(Object.entries(options).map(([one, x]) => [one, x?.shape ? swapGate(x) : x]));
      assertSame(swapLayout(attention.linear(...qkv.map(swapLayout), { ...swapped, layout: 'bthd', sequences: SEQUENCES })), result);
    });
  }

  test('cosformer counts positions of each sequence, and of each alone asks for its length', (attention, keep) => {
    const featureMap = keep(attention.featureMap('cosformer', { dim, maxLength: 35 }));
    same(attention, attention.linear(...qkv, { featureMap, sequences: SEQUENCES }), apart((from, to) => attention.linear(...qkv.map((x) => sliceTime(x, from, to)), { featureMap })), 'linear');
    throwsKind(() => attention.linear(...qkv, { featureMap, sequences: [0, 36, T] }), RangeError, /maxLength of 35, got a length of 36/);
  });

  test('many heads of many tokens, in threads and in parts of a stream', (attention) => {
    for (const options of [{ causal: true }, {}, { decay: -0.01, normalize: true }, { beta: 0.01, normalize: true }]) {
      for (const [shape, ends] of [[{ heads: 8, T: 260, dim: 32 }, Array.from({ length: 53 }, (_, i) => 5 * i)], [{ heads: 1, T: 700, dim: 128, valueDim: 128 }, [0, 3, 690, 700]]]) {
        const given = Object.values(inputs({ batch: 2, ...shape }));
        const rule = options.beta ? 'delta' : options.decay ? 'gated' : 'linear';
        assertClose(attention.linear(...given, { ...options, sequences: ends }), apart((from, to) => attention.linear(...given.map((x) => sliceTime(x, from, to)), options), ends), { rule });
      }
    }
  });

  test('what a sequence holds spoils no other', (attention) => {
    const { q, k, v } = inputs({ heads: 2, T: 30, dim: 8, make: gaussian });
    for (const options of [{}, { causal: true }]) {
      const call = () => attention.linear(q, k, v, { ...options, sequences: [0, 11, 30] });
      const before = call();
      const kept = k.data.slice();
      k.data.fill(NaN, 11 * 8, 12 * 8);
      const after = call();
      k.data.set(kept);
      assertSame(sliceTime(after, 0, 11), sliceTime(before, 0, 11));
      assert.ok(sliceTime(rowsOf(after, [0]), 11, 30).data.subarray(0, 19 * 8).every(Number.isNaN));
    }
  });

  test('one sequence is the call without, ranks 3 and 2, and no tokens at all', (attention) => {
    for (const options of [{}, { causal: true }, { decay, featureMap: 'identity' }]) {
      assertSame(attention.linear(...qkv, { ...options, sequences: [0, 0, T, T] }), attention.linear(...qkv, options));
    }
    const { q, k, v } = inputs({ T: 12, dim: 8, make: gaussian });
    const expected = attention.linear(q, k, v, { sequences: [0, 5, 12] });
    for (const shape of [[12, 8], [1, 12, 8]]) assertSame(attention.linear(...[q, k, v].map((x) => reshape(x, shape)), { sequences: [0n, 5n, 12n] }).data, expected.data);
    const none = qkv.map((x) => sliceTime(x, 0, 0));
    assert.equal(attention.linear(...none, { sequences: [0, 0, 0] }).data.length, 0);
  });

  test('what does not fit is refused by name', (attention, keep) => {
    const { q, k, v } = inputs({ batch: 2, T: 6, dim: 4 });
    const state = keep(attention.state({ batch: 2, heads: 1, dim: 4 }));
    const short = [q, sliceTime(k, 0, 5), sliceTime(v, 0, 5)];
    for (const [options, pattern, given = [q, k, v]] of [
      [{ sequences: [0, 5] }, /sequences needs as many queries as keys, got 6 and 5/, short],
      [{ sequences: [0, 5] }, /sequences must end with 6/],
      [{ sequences: [1, 6] }, /sequences\[0\] must be an integer from 0 to 0/],
      [{ sequences: [0, 4, 3, 6] }, /sequences\[2\] must be an integer from 4 to 6/],
      [{ sequences: [] }, /sequences must be an array of at least one/],
      [{ sequences: [0, 6], state }, /sequences must not be given with state/],
      [{ sequences: [0, 6], lengths: [1, 1] }, /sequences must not be given with lengths/],
      [{ sequences: [0, 6], starts: [1, 1] }, /sequences must not be given with starts/],
      [{ sequences: [0, 6], keyLengths: [1, 1] }, /sequences must not be given with keyLengths/],
      [{ sequences: [0, 2, 6], decay: tensorOf([2, 1, 6], (i) => (i === 9 ? 0.5 : -1)) }, /decay must be at most 0 .* got 0.5 at element 9/],
    ]) throwsKind(() => attention.linear(...given, options), RangeError, pattern, JSON.stringify({ ...options, state: undefined }));
    throwsKind(() => attention.linear(q, k, v, { sequences: 6 }), TypeError, /sequences must be an array of integers, got 6/);
    throwsKind(() => attention.absorb(k, v, { state, sequences: [0, 6] }), TypeError, /absorb: unknown option 'sequences'/);
    assert.deepEqual(state.lengths, [0, 0]);
  });

  test.run();
}
