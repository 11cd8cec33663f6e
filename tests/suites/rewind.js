/** Tokens taken back: bit for bit the state that the same calls without them leave. */
import assert from 'node:assert';
import { remember } from '../../web/calls/undo.js';
import { assertSame } from '../tolerance.js';
import { inputs, mulberry32 } from '../util.js';
import { attentionSuite, stateFor, throwsCode, throwsKind, token } from './harness.js';
import { assertSameState, StateCase, testStates } from './state_cases.js';

const LENGTH = 24;

/** Calls on a state with a history, written down so that they can be made again on one without. */
class Recorded {
  constructor(each, history) {
    this.each = each;
    this.state = each.open({ history });
    this.calls = [];
  }

  /** Of [at, at + tokens): a step where `isStep`, else linear(); counts: tokens of each row. */
  make(call, state = this.state) {
    const { at, tokens, counts, isStep, causal } = call;
    const options = counts.every((count) => count === tokens) ? {} : { lengths: counts };
    if (isStep) this.each.step(state, at, options);
    else this.each.linear(state, at, at + tokens, { causal, ...options });
  }

  take(call) {
    this.make(call);
    this.calls.push(call);
  }

  rewind(n) {
    this.state.rewind(n);
    const left = typeof n === 'number' ? [n, n, n] : [...n];
    for (const call of [...this.calls].reverse()) {
      call.counts = call.counts.map((count, b) => {
        const taken = Math.min(count, left[b]);
        left[b] -= taken;
        return count - taken;
      });
    }
    this.calls = this.calls.filter(({ counts }) => counts.some((count) => count > 0));
  }

  check(what) {
    const fresh = this.each.open();
    for (const call of this.calls) this.make(call, fresh);
    assertSameState(this.state, fresh, what);
    assertSame(this.each.step(this.each.keep(this.state.clone()), 3), this.each.step(fresh, 3), `${what}: what the next token gets`);
  }
}

export function rewind(name, make) {
  const test = attentionSuite(name, make);

  testStates(test, 'whatever was called', (attention, keep, one) => {
    const each = new StateCase(attention, keep, one, { length: LENGTH });
    const uniform = mulberry32(one.seed);
    const upTo = (most) => Math.floor(uniform() * (most + 1));
    const recorded = new Recorded(each, 6);
    const isSum = one.rule === 'linear' && one.decay === 'none';
    // Maps by position end somewhere.
    for (let i = 0; i < (one.map === 'cosformer' ? 14 : 31); i++) {
      const tokens = uniform() < 0.25 ? 2 + upTo(4) : 1;
      const isRagged = uniform() < 0.3;
      recorded.take({ at: upTo(LENGTH - tokens), tokens, isStep: tokens === 1, causal: !isSum || tokens % 2 === 0, counts: [0, 1, 2].map(() => (isRagged ? upTo(tokens) : tokens)) });
      if (i % 6 < 5) continue;
      const { lengths } = recorded.state;
      recorded.rewind(i % 4 < 2 ? Math.min(1 + upTo(2), ...lengths) : lengths.map((length) => Math.min(length, upTo(2))));
      recorded.check(`call ${i}`);
    }
  });

  const small = (attention, keep, options) => keep(stateFor(attention, inputs({ batch: 2, heads: 2, T: 3, dim: 4 }), options));
  const stepAt = (qkv, t) => Object.values(qkv).map((x) => token(x, t));

  test('as many tokens as the history says, at any time, again and again', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 300, dim: 4 });
    for (const history of [1, 5, 16, 40]) {
      const [state, other] = [small(attention, keep, { history }), small(attention, keep)];
      for (let t = 0; t < 150; t++) state.step(...stepAt(qkv, t));
      for (let t = 0; t < 150 - history; t++) other.step(...stepAt(qkv, t));
      state.rewind(history);
      assertSameState(state, other, `${history}`);
      for (let t = 150; t < 150 + 2 * history + 70; t++) for (const one of [state, other]) one.step(...stepAt(qkv, t));
      assertSameState(state, other, `${history}, and on`);
      state.rewind(0);
      assertSameState(state, other, `${history}, none`);
    }
  });

  test('every time that a span begins, all of it can be taken back', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 100, dim: 4 });
    const state = small(attention, keep, { history: 10 });
    for (let t = 0; t < 100; t++) {
      state.step(...stepAt(qkv, t));
      const copy = keep(state.clone());
      const other = small(attention, keep);
      for (let u = 0; u <= t - 10; u++) other.step(...stepAt(qkv, u));
      copy.rewind(Math.min(10, t + 1));
      assertSameState(copy, other, `token ${t}`);
    }
  });

  test('a prompt begins it anew, and so does what gives a state other rows or another content', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 30, dim: 4 });
    const begin = {
      prompt: (state) => attention.linear(...Object.values(qkv), { causal: true, state }),
      'other queries than keys': (state) => attention.linear(token4(qkv.q), qkv.k, qkv.v, { state }),
      select: (state) => state.select([1, 0, 0]),
      reset: (state) => state.reset([0]),
      copyFrom: (state) => state.copyFrom(small(attention, keep)),
    };
    for (const [what, change] of Object.entries(begin)) {
      const state = small(attention, keep, { history: 4 });
      for (let t = 0; t < 3; t++) state.step(...stepAt(qkv, t));
      change(state);
      const before = keep(state.clone());
      throwsKind(() => state.rewind(1), RangeError, /n must be an integer from 0 to 0, got 1/, what);
      if (what === 'select') continue;
      state.step(...stepAt(qkv, 5));
      state.rewind(1);
      assertSameState(state, before, what);
    }
  });

  const token4 = ({ data, shape: [B, H, T, d] }) => ({ data: data.slice(0, B * H * 2 * d), shape: [B, H, 2, d], T });

  test('a clone takes its history along, saved bytes do not', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 30, dim: 4 });
    const state = small(attention, keep, { history: 4 });
    for (let t = 0; t < 6; t++) state.step(...stepAt(qkv, t));
    const copy = keep(state.clone());
    assert.equal(copy.history, 4);
    for (const one of [state, copy]) one.rewind(3);
    assertSameState(copy, state, 'rewound');
    const restored = keep(attention.restore(state.save()));
    assert.equal(restored.history, 0);
    throwsCode(() => restored.rewind(1), 'unsupported');
  });

  test('what cannot be taken back is refused and changes nothing', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 30, dim: 4 });
    const state = small(attention, keep, { history: 4 });
    for (let t = 0; t < 6; t++) state.step(...stepAt(qkv, t));
    const before = state.save();
    throwsKind(() => state.rewind(5), RangeError, /n must be an integer from 0 to 4, got 5/);
    throwsKind(() => state.rewind(-1), RangeError, /n must be an integer from 0 to 4/);
    throwsKind(() => state.rewind([1, 5]), RangeError, /n\[1\] must be an integer from 0 to 4, got 5/);
    throwsKind(() => state.rewind([1]), RangeError, /n must be an integer, or an array of 2, one a row/);
    throwsKind(() => state.rewind(), TypeError, /n must be an array of integers|n must be an integer/);
    throwsKind(() => attention.state({ heads: 1, dim: 4, history: -1 }), RangeError, /history must be an integer/);
    throwsCode(() => small(attention, keep).rewind(0), 'unsupported');
    assert.deepEqual(state.save(), before);
  });

  test('a call that failed is not remembered, one that is taken back neither', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 90, dim: 4 });
    const [state, other] = [small(attention, keep, { history: 20, normalize: false }), small(attention, keep, { normalize: false })];
    for (let t = 0; t < 70; t++) {
      const undo = t % 9 === 4 ? remember(state, [{}]) : null;
      if (t % 7 === 0) throwsKind(() => state.step(...stepAt(qkv, 80), { decay: [-1, NaN] }), RangeError, /decay/);
      if (undo) {
        state.step(...stepAt(qkv, 81));
        if (t > 10) state.rewind(5);
        undo();
      }
      state.step(...stepAt(qkv, t), { decay: [-0.1, -0.2] });
      if (t < 55) other.step(...stepAt(qkv, t), { decay: [-0.1, -0.2] });
    }
    state.rewind(15);
    assertSameState(state, other, 'after failures');
  });

  test('calls that fail take up none of the room behind a state, however many they are', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 4, dim: 4 });
    const state = small(attention, keep, { history: 4, normalize: false });
    const behind = keep(attention.tensor([4096]));
    for (let n = 0; n < 100; n++) throwsKind(() => state.step(...stepAt(qkv, 0), { decay: [-1, NaN] }), RangeError, /decay/);
    assert.ok(behind.data.every((x) => x === 0), 'the memory behind it');
  });

  test.run();
}
