/** Rows of a state's batch: picked, copied and begun anew, each as if it had been alone. */
import assert from 'node:assert';
import { assertSame } from '../tolerance.js';
import { inputs } from '../util.js';
import { remember } from '../../web/calls/undo.js';
import { attentionSuite, stateFor, throwsCode, throwsKind, token } from './harness.js';
import { assertSameState, rowsOf, StateCase, testStates } from './state_cases.js';

export function stateRows(name, make) {
  const test = attentionSuite(name, make);

  /** A state whose rows have seen different tokens, and different numbers of them. */
  function uneven(one, state) {
    one.linear(state, 0, 4, { keyLengths: [4, 1, 3] });
    for (let t = 4; t < 7; t++) one.step(state, t);
    return state;
  }

  testStates(test, 'select, copyFrom, reset', (attention, keep, one) => {
    const each = new StateCase(attention, keep, one);
    const [state, other] = [uneven(each, each.open()), each.open()];
    other.copyFrom(state);
    assertSameState(other, state, 'copied');
    const rows = [2, 0, 0, 1, 2];
    const before = state.data;
    state.select(rows);
    assert.equal(state.batch, 5);
    assert.deepEqual(state.lengths, rows.map((row) => other.lengths[row]));
    assertSame(state.data, rowsOf({ data: before, shape: [3] }, rows).data);
    for (let t = 7; t < 10; t++) {
      const alone = each.step(other, t);
      assertSame(each.step(state, t, {}, rows), rowsOf(alone, rows), `token ${t}`);
    }
    state.select([3, 1]);
    other.select([1, 0]);
    assertSameState(state, other, 'two rows again');
    state.reset([1]);
    assert.deepEqual(state.lengths, [other.lengths[0], 0]);
    const fresh = each.open({ batch: 1 });
    const [ofFresh, ofReset] = [each.linear(fresh, 0, 5, {}, [0]), each.linear(state, 0, 5, {}, [1, 0])];
    assertSame(rowsOf(ofReset, [1]), ofFresh, 'the row that was reset');
    assertSame(rowsOf(ofReset, [0]), rowsOf(each.linear(other, 0, 5, {}, [1, 0]), [0]), 'the other');
    state.reset();
    assert.deepEqual(state.lengths, [0, 0]);
    assert.ok(state.data.every((x) => x === 0));
  });

  const small = (attention, keep, options) => keep(stateFor(attention, inputs({ batch: 2, heads: 2, T: 3, dim: 4 }), options));

  test('lengths is a copy, one number a row', (attention, keep) => {
    const state = small(attention, keep);
    state.lengths[0] = 5;
    assert.deepEqual(state.lengths, [0, 0]);
    assert.equal(state.length, 0);
  });

  test('a state may be copied from itself, and memory grows and shrinks with its rows', (attention, keep) => {
    const state = small(attention, keep);
    const [bytes, used] = [state.bytes, attention.memory];
    state.copyFrom(state);
    state.select([0, 1, 0, 1]);
    assert.ok(state.bytes > 1.9 * bytes && attention.memory > used);
    state.select(Int32Array.of(1, 0));
    state.select([1n, 0n]);
    assert.deepEqual([state.bytes, attention.memory], [bytes, used]);
  });

  test('what was picked is put back where a call is taken back', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 3, dim: 4 });
    const state = small(attention, keep);
    attention.linear(...Object.values(qkv), { causal: true, state });
    const [expected, used] = [keep(state.clone()), attention.memory];
    for (const rows of [[0, 0, 1], [1, 0], [1]]) {
      const undo = remember(state, [rows]);
      state.select(rows);
      undo();
      assertSameState(state, expected, `${rows}`);
      assert.equal(attention.memory, used);
    }
    const next = Object.values(qkv).map((x) => token(x, 0));
    assertSame(state.step(...next), expected.step(...next));
  });

  test('rows that are none, and states of another kind, are refused and change nothing', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 3, dim: 4 });
    const state = small(attention, keep);
    attention.linear(...Object.values(qkv), { causal: true, state });
    const before = state.save();
    for (const rows of [[2], [-1], [0.5], [0, NaN], ['0'], [null]]) {
      for (const verb of ['select', 'reset']) assert.throws(() => state[verb](rows), /rows\[\d\] must be/, `${verb} ${rows}`);
    }
    throwsKind(() => state.select([]), RangeError, /rows must be an array of 1 to/);
    throwsKind(() => state.select(), TypeError, /rows must be an array/);
    throwsKind(() => state.select(1), TypeError, /rows must be an array/);
    throwsKind(() => state.reset([0, 1, 0]), RangeError, /rows must be an array of 0 to 2/);
    for (const [options, pattern] of [
      [{ normalize: false }, /other must have normalize true/],
      [{ featureMap: 'relu' }, /other must have the feature map of this state, 'elu', got 'relu'/],
      [{ scale: 2 }, /other must have scale 1/],
      [{ eps: 1 }, /other must have eps/],
      [{ batch: 3 }, /other must have batch 2/],
      [{ valueDim: 3 }, /other must have valueDim 4/],
    ]) throwsKind(() => state.copyFrom(small(attention, keep, options)), RangeError, pattern);
    throwsKind(() => state.copyFrom(attention), TypeError, /other must be a State/);
    const gone = small(attention, keep);
    gone.dispose();
    throwsCode(() => state.copyFrom(gone), 'disposed');
    for (const verb of [() => gone.select([0]), () => gone.reset([0]), () => gone.copyFrom(state)]) throwsCode(verb, 'disposed');
    assert.deepEqual(state.save(), before);
  });

  test.run();
}
