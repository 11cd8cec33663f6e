/** absorb(): the state that linear() leaves, without its results. */
import assert from 'node:assert';
import { toleranceOf } from '../generate/maps.js';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, sliceTime, swapLayout } from '../util.js';
import { attentionSuite, stateFor, throwsCode, throwsKind } from './harness.js';
import { assertSameState, StateCase, testStates } from './state_cases.js';

export function absorb(name, make) {
  const test = attentionSuite(name, make);

  const assertAlike = (state, expected, rule, what) => {
    assertClose(state.data, expected.data, { rule, name: `${what}: S` });
    if (expected.keySum) assertClose(state.keySum, expected.keySum, { rule, name: `${what}: z` });
    assert.deepEqual(state.lengths, expected.lengths, what);
  };

  testStates(test, 'as linear', (attention, keep, one) => {
    const each = new StateCase(attention, keep, one, { length: 50 });
    const rule = toleranceOf(each.one);
    for (const options of [{}, { lengths: [40, 0, 33] }, { starts: [3, 40, 20] }, { lengths: [5, 33, 1], starts: [32, 4, 0] }, { keyLengths: [40, 0, 33] }]) {
      // Features are relative to the largest key of a call.
      const parts = one.map === 'favor epsilon' ? [[0, 40]] : [[0, 40], [40, 50], [3, 4]];
      const [state, other] = [each.open(), each.open()];
      for (const [from, to] of parts) {
        const some = to - from === 40 ? options : {};
        assert.equal(each.absorb(state, from, to, some), state);
        each.linear(other, from, to, some);
        assertAlike(state, other, rule, `${JSON.stringify(some)} to ${to}`);
      }
      if (one.map !== 'favor epsilon') assertClose(each.step(state, 5), each.step(other, 5), { rule });
    }
  });

  testStates(test, 'one token leaves the bits of a step, taken back as well', (attention, keep, one) => {
    const each = new StateCase(attention, keep, one, { length: 24 });
    const [state, other] = [each.open({ history: 4 }), each.open()];
    for (let t = 0; t < 20; t++) {
      each.absorb(state, t, t + 1);
      each.step(other, t);
    }
    assertSameState(state, other, 'steps');
    each.absorb(state, 20, 23);
    each.absorb(state, 23, 24);
    state.rewind(2);
    each.absorb(other, 20, 23, { lengths: [2, 2, 2] });
    assertSameState(state, other, 'rewound');
  });

  for (const dim of [1, 3, 31, 64, 257]) {
    test(`dim ${dim}: every length and valueDim, as the oracle says`, (attention, keep) => {
      for (const [T, valueDim] of [[1, 1], [2, 7], [31, 8], [33, 9], [64, 64], [130, 40], [0, 3]]) {
        for (const gates of [{}, { decay: -0.05 }, { beta: 0.4 / dim }, { decay: -0.05, beta: 0.4 / dim }]) {
          const { q, k, v } = inputs({ heads: 2, T, dim, valueDim, make: gaussian });
          const state = keep(stateFor(attention, { k, v }, { featureMap: 'identity', normalize: false }));
          attention.absorb(k, v, { state, ...gates });
          const spread = (x) => ({ data: new Float32Array(2 * T).fill(x), shape: [1, 2, T] });
          const told = Object.fromEntries(Object.entries(gates).map(([gate, x]) => [gate, spread(x)]));
          const { S } = oracle.linear(q, k, v, { causal: true, featureMap: 'identity', normalize: false, ...told });
          assertClose(state.data, S, { rule: gates.beta ? 'delta' : gates.decay ? 'gated' : 'linear', name: `${T} × ${valueDim}, ${JSON.stringify(gates)}` });
        }
      }
    });
  }

  test('layouts, resident tensors, and what the memory of a call may be', (attention, keep) => {
    const { k, v } = inputs({ batch: 2, heads: 3, T: 40, dim: 6, make: gaussian });
    const expected = keep(stateFor(attention, { k, v }));
    attention.absorb(k, v, { state: expected });
    const [turned, resident] = [keep(stateFor(attention, { k, v })), keep(stateFor(attention, { k, v }))];
    attention.absorb(swapLayout(k), swapLayout(v), { state: turned, layout: 'bthd' });
    attention.absorb(...[k, v].map(({ shape, data }) => keep(attention.tensor(shape, data))), { state: resident });
    for (const state of [turned, resident]) assertSame(state.data, expected.data);
  });

  test('a strong decay, and tokens that repeat for long', (attention, keep) => {
    for (const gates of [{ decay: -60 }, { decay: -1e-6 }, { beta: 0.01 }, { decay: -30, beta: 0.01 }]) {
      const qkv = inputs({ heads: 2, T: 3000, dim: 8 });
      const [state, other] = [0, 1].map(() => keep(stateFor(attention, qkv, { normalize: true })));
      attention.absorb(qkv.k, qkv.v, { state, ...gates });
      attention.linear(...Object.values(qkv), { causal: true, normalize: true, state: other, ...gates });
      assertAlike(state, other, gates.beta ? 'delta' : 'gated', JSON.stringify(gates));
    }
  });

  test('what it may not be given is refused and changes nothing', (attention, keep) => {
    const { k, v } = inputs({ heads: 2, T: 8, dim: 4 });
    const state = keep(stateFor(attention, { k, v }));
    attention.absorb(k, v, { state });
    const before = state.save();
    throwsKind(() => attention.absorb(k, v), TypeError, /state must be a State, got undefined/);
    throwsKind(() => attention.absorb(k, v, { state: 5 }), TypeError, /state must be a State/);
    throwsKind(() => attention.absorb(k, v, { state, q: k }), TypeError, /absorb: unknown option 'q'/);
    throwsKind(() => attention.absorb(k, sliceTime(v, 0, 3), { state }), RangeError, /v must have shape with batch 1 and length 8/);
    throwsKind(() => attention.absorb(k, v, { state, decay: 1 }), RangeError, /decay must be at most 0/);
    throwsKind(() => attention.absorb({ ...k, shape: [4, 4, 4] }, { ...v, shape: [4, 4, 4] }, { state }), RangeError, /heads of k must be 2/);
    throwsKind(() => attention.absorb(k, v, { state, lengths: [9] }), RangeError, /lengths\[0\]/);
    assert.deepEqual(state.save(), before);
    const gone = stateFor(attention, { k, v });
    gone.dispose();
    throwsCode(() => attention.absorb(k, v, { state: gone }), 'disposed');
  });

  test.run();
}
