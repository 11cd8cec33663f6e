/** Lists of the caller's that run code of its own when their elements are read: nothing that was found before holds behind it. */
import assert from 'node:assert';
import { gaussian, inputs } from '../util.js';
import { attentionSuite, throwsCode, throwsKind } from './harness.js';

/** A list of these numbers that acts when its last element is read. */
const acting = (numbers, act) => {
  const last = numbers.length - 1;
  return Object.defineProperty({ ...numbers, length: numbers.length }, last, {
    get() {
      act();
      return numbers[last];
    },
  });
};

/** Of a state or cache: each method that takes a list, and a list for it. */
const OF_STATE = { reset: [0], select: [0], rewind: [1] };
const OF_CACHE = { reset: [0], select: [0] };

export function givenLists(name, make) {
  const test = attentionSuite(name, make);

  const openState = (attention) => {
    const state = attention.state({ heads: 2, dim: 4, history: 4 });
    const { q, k, v } = inputs({ heads: 2, T: 3, dim: 4 });
    attention.linear(q, k, v, { state, causal: true });
    return state;
  };
  const openCache = (attention) => attention.cache({ heads: 2, dim: 4, maxLength: 8 });

  test('a list that disposes of its state or cache cannot have the call write elsewhere', (attention, keep) => {
    for (const [open, methods] of [[openState, OF_STATE], [openCache, OF_CACHE]]) {
      for (const [method, list] of Object.entries(methods)) {
        const held = keep(open(attention));
        let victim;
        const { bytes } = held;
        const trap = acting(list, () => {
          held.dispose();
          victim = keep(attention.tensor([bytes / 4]));
          victim.data.fill(1.5);
        });
        throwsCode(() => held[method](trap), 'disposed', method);
        assert.ok(victim.data.every((x) => x === 1.5), `${method} wrote into another tensor`);
      }
    }
    // What lies at the beginning of memory is the module's own.
    const { q, k, v } = inputs({ heads: 2, T: 3, dim: 4 });
    assert.ok(attention.linear(q, k, v).data.every(Number.isFinite));
  });

  test('a list that disposes of the instance ends the call', async () => {
    for (const [open, methods] of [[openState, OF_STATE], [openCache, OF_CACHE]]) {
      for (const [method, list] of Object.entries(methods)) {
        const other = await make();
        const held = open(other);
        throwsCode(() => held[method](acting(list, () => other.dispose())), 'disposed', method);
      }
    }
    for (const give of [(trap) => [trap], (trap) => [[1], trap]]) {
      const other = await make();
      throwsCode(() => other.tensor(...give(acting([1], () => other.dispose()))), 'disposed', 'tensor');
    }
  });

  test('rows that are there no more when the list was read are refused', (attention, keep) => {
    const open = () => keep(attention.state({ batch: 2, heads: 2, dim: 4, history: 4 }));
    for (const [method, list] of [['reset', [0, 1]], ['select', [0, 1]], ['rewind', [0, 0]]]) {
      const state = open();
      throwsKind(() => state[method](acting(list, () => state.select([0]))), RangeError, /^(rows\[1\]|n) must be /, method);
      assert.equal(state.batch, 1);
    }
  });

  test('a gate that gives the state another batch ends the step', (attention, keep) => {
    const x = gaussian([1, 2, 4], 1);
    for (const select of [[0, 0, 0], [0]]) {
      const state = keep(attention.state({ heads: 2, dim: 4, normalize: false }));
      const decay = acting([-1, -2], () => state.select(select));
      const step = () => state.step(x, x, x, { decay });
      if (select.length === 1) assert.equal(step().data.length, 8);
      else throwsKind(step, RangeError, /^batch must be 3, as the state has, got 1$/);
      assert.equal(state.length, select.length === 1 ? 1 : 0);
    }
  });

  test('lists longer than any memory are not read', (attention) => {
    throwsCode(() => attention.tensor([2 ** 33], { length: 2 ** 33 }), 'out-of-memory');
  });

  test.run();
}
