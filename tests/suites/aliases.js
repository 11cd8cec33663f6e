/** Inputs and outputs that are views of module memory: a state's own, one another's, or such as the call's growth detaches. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, poison, sliceTime } from '../util.js';
import { internal } from '../../web/core/resident.js';
import { attentionSuite, stateFor, throwsKind, token } from './harness.js';

/** Enough to make an instance grow its memory: 64 MB. */
const large = 2 ** 24;

export function aliases(name, make) {
  const test = attentionSuite(name, make);
  const resident = (attention, keep, qkv) => Object.values(qkv).map((x) => keep(attention.tensor(x.shape, x.data)));

  /** A view of the module's memory where a state lies, which only somebody who looks for it has. */
  const insideOf = (state, from, to) => {
    const { core, pointer } = state[internal];
    return core.floatsAt(pointer, state.bytes / 4).subarray(from, to);
  };

  test("an input that is the state's own memory is refused", (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 6, dim: 4 });
    const one = Object.values(qkv).map((x) => token(x, 0));
    const short = Object.values(qkv).map((x) => sliceTime(x, 0, 1));
    const calls = {
      step: (state, ...args) => state.step(...args),
      'full linear': (state, ...args) => attention.linear(...args, { state }),
      'causal linear': (state, ...args) => attention.linear(...args, { causal: true, state }),
    };
    for (const [what, call] of Object.entries(calls)) {
      for (const place of [0, 1, 2]) {
        const state = keep(stateFor(attention, qkv));
        attention.linear(...Object.values(qkv), { causal: true, state });
        const S = state.data;
        const args = (part) => (what === 'step' ? one : short).map((x, i) => (i === place ? { data: part, shape: x.shape } : x));
        for (const part of [insideOf(state, 4, 12), insideOf(state, -8, undefined)]) throwsKind(() => call(state, ...args(part)), RangeError, /^[qkv] must not share memory with state/);
        call(keep(state.clone()), ...args(insideOf(state, 4, 12)));
        assertSame(state.data, S, `S after ${what}, argument ${place}`);
      }
    }
  });

  test("out that is the state's own memory is refused, and the state is left as it was", (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 6, dim: 4 });
    const state = keep(stateFor(attention, qkv));
    attention.linear(...Object.values(qkv), { causal: true, state });
    const [S, z] = [state.data.slice(), state.keySum.slice()];
    const one = Object.values(qkv).map((x) => token(x, 0));
    const short = Object.values(qkv).map((x) => sliceTime(x, 0, 1));
    for (const out of [insideOf(state, 0, 8), insideOf(state, 24, 32), insideOf(state, -8, undefined)]) {
      assert.throws(() => state.step(...one, { out }), RangeError);
      assert.throws(() => attention.linear(...short, { causal: true, state, out }), RangeError);
      assert.throws(() => attention.linear(...short, { state, out }), RangeError);
    }
    assertSame(state.data, S);
    assertSame(state.keySum, z);
  });

  for (const method of ['softmax', 'linear']) {
    for (const causal of [false, true]) {
      test(`${method} ${causal ? 'causal' : 'full'}: out that is an input is refused or right`, (attention, keep) => {
        for (const place of [0, 1, 2]) {
          const qkv = inputs({ T: 70, dim: 6 });
          const expected = oracle[method](...Object.values(qkv), { causal });
          const tensors = resident(attention, keep, qkv);
          try {
            attention[method](...tensors, { causal, out: tensors[place] });
          } catch (error) {
            assert.ok(error instanceof RangeError, error.message);
            assertSame(tensors[place].data, Object.values(qkv)[place].data, 'a refused out');
            continue;
          }
          assertClose(tensors[place].data, expected.o ?? expected, { rule: method });
        }
      });

      test(`${method} ${causal ? 'causal' : 'full'}: out that is the array of an input is refused or right`, (attention) => {
        for (const place of ['q', 'k', 'v']) {
          const qkv = inputs({ T: 70, dim: 6 });
          const expected = oracle[method](...Object.values(qkv), { causal });
          const before = qkv[place].data.slice();
          try {
            attention[method](...Object.values(qkv), { causal, out: qkv[place].data });
          } catch (error) {
            assert.ok(error instanceof RangeError, error.message);
            assertSame(qkv[place].data, before, 'a refused out');
            continue;
          }
          assertClose(qkv[place].data, expected.o ?? expected, { rule: method });
        }
      });
    }

    test(`${method}: q, k and v may be one tensor`, (attention, keep) => {
      const { q } = inputs({ T: 70, dim: 6 });
      const expected = oracle[method](q, q, q, { causal: true });
      const tensor = keep(attention.tensor(q.shape, q.data));
      assertClose(attention[method](tensor, tensor, tensor, { causal: true }), expected.o ?? expected, {
        rule: method,
      });
    });

    test(`${method}: a live view as input or out survives the growth that the call causes`, async () => {
      const attention = await make();
      const { q } = inputs({ Tq: 4, Tk: 1, dim: 16 });
      const { k, v } = inputs({ Tq: 1, Tk: large / 64, dim: 16 });
      const fresh = await make();
      const expected = fresh[method](q, k, v);
      fresh.dispose();
      const source = attention.tensor(q.shape, q.data);
      const target = attention.tensor(q.shape, poison(q.data.length));
      const bytesBefore = source.data.buffer.byteLength;
      let result;
      try {
        result = attention[method]({ data: source.data, shape: q.shape }, k, v, { out: target.data });
      } catch (error) {
        assert.ok(error instanceof RangeError, error.message);
      }
      assert.ok(source.data.buffer.byteLength > bytesBefore, 'this test needs growth');
      if (result) {
        assertSame(target.data, expected.data);
        assertSame(result.data, expected.data);
      }
      assertSame(source.data, q.data);
      attention.dispose();
    });
  }

  test('views taken again after growth show the same numbers', async () => {
    const attention = await make();
    const values = gaussian([1000], 3).data;
    const tensor = attention.tensor([1000], values);
    const qkv = inputs({ T: 20, dim: 4 });
    const state = stateFor(attention, qkv);
    attention.linear(...Object.values(qkv), { causal: true, state });
    const [S, z] = [state.data.slice(), state.keySum.slice()];
    const stale = tensor.data;
    const shared = !(stale.buffer instanceof ArrayBuffer);
    const bytesBefore = stale.buffer.byteLength;
    const grown = attention.tensor([large]);
    assert.ok(grown.data.buffer.byteLength > bytesBefore, 'this test needs growth');
    assertSame(tensor.data, values);
    assertSame(state.data, S);
    assertSame(state.keySum, z);
    if (shared) {
      assertSame(stale, values);
      const x = { data: stale, shape: [1, 1, 100, 10] };
      assert.throws(() => attention.softmax(x, x, x, { out: stale }), RangeError);
    } else {
      assert.throws(() => attention.softmax({ data: stale, shape: [1, 1, 10, 100] }, qkv.k, qkv.v), RangeError);
    }
    assert.ok(grown.data.every((x) => x === 0));
    attention.dispose();
  });

  test('a tensor filled from a view of another survives the growth that it causes', async () => {
    const attention = await make();
    const source = attention.tensor([large / 8], gaussian([large / 8], 1).data);
    const size = source.data.buffer.byteLength;
    const held = [];
    while (source.data.buffer.byteLength === size) held.push(attention.tensor(source.shape, source.data));
    for (const copy of held) assertSame(copy.data, source.data);
    attention.dispose();
  });

  test("set: S or z in the state's own memory is refused, of its copies taken", (attention, keep) => {
    const state = keep(attention.state({ heads: 1, dim: 2 }));
    const [S, z] = [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6)];
    state.set(S, z);
    throwsKind(() => state.set(insideOf(state, 0, 4), z), RangeError, /^S must not share memory with state/);
    throwsKind(() => state.set(S, insideOf(state, 0, 2)), RangeError, /^z must not share memory with state/);
    assert.deepEqual([[...state.data], [...state.keySum]], [[1, 2, 3, 4], [5, 6]]);
    state.set(Float32Array.of(7, 8, 9, 10), state.data.subarray(0, 2));
    assert.deepEqual([[...state.data], [...state.keySum]], [[7, 8, 9, 10], [1, 2]]);
  });

  test.run();
}
