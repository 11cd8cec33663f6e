/** Disposed things, other instances' things, aliases and stale views: refused or right, never silently wrong. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, poison, sliceTime } from '../util.js';
import { internal } from '../../web/core/resident.js';
import { attentionSuite, stateFor, throwsCode, throwsKind, token } from './harness.js';

/** Enough to make an instance grow its memory: 64 MB. */
const large = 2 ** 24;

export function lifetime(name, make) {
  const test = attentionSuite(name, make);
  const resident = (attention, keep, qkv) => Object.values(qkv).map((x) => keep(attention.tensor(x.shape, x.data)));

  test('tensor: zero-filled, filled from any array, empty, with its own shape', (attention, keep) => {
    const zeros = keep(attention.tensor([2, 3]));
    assert.deepEqual(
      [[...zeros.shape], [...zeros.data]],
      [
        [2, 3],
        [0, 0, 0, 0, 0, 0],
      ],
    );
    assert.ok(zeros.bytes >= 24);
    const shape = Int32Array.of(2);
    for (const data of [[1, 2], Float32Array.of(1, 2), Float64Array.of(1, 2), Uint8Array.of(1, 2)]) {
      const one = keep(attention.tensor(shape, data));
      assert.deepEqual([[...one.shape], [...one.data]], [[2], [1, 2]]);
    }
    assert.equal(keep(attention.tensor([0, 4])).data.length, 0);
    assert.equal(keep(attention.tensor([])).data.length, 1);
    const own = [1];
    const kept = keep(attention.tensor(own));
    own[0] = 5;
    assert.deepEqual([...kept.shape], [1]);
  });

  test('tensor memory that was used before comes back zero-filled', (attention, keep) => {
    attention.tensor([5000], new Float32Array(5000).fill(7)).dispose();
    assert.ok(keep(attention.tensor([5000])).data.every((x) => x === 0));
  });

  test('a disposed tensor is refused everywhere, and may be disposed of again', (attention, keep) => {
    const { q, k, v } = inputs({ T: 4, dim: 3 });
    const gone = attention.tensor([1, 1, 4, 3]);
    gone.dispose();
    gone.dispose();
    gone[Symbol.dispose]?.();
    const held = keep(stateFor(attention, { k, v }));
    const map = attention.featureMap('elu', { dim: 3 });
    const calls = {
      data: () => gone.data,
      'softmax q': () => attention.softmax(gone, k, v),
      'softmax k': () => attention.softmax(q, gone, v),
      'softmax v': () => attention.softmax(q, k, gone),
      'softmax out': () => attention.softmax(q, k, v, { out: gone }),
      'linear q': () => attention.linear(gone, k, v),
      'linear k': () => attention.linear(q, gone, v),
      'linear v': () => attention.linear(q, k, gone),
      'linear out': () => attention.linear(q, k, v, { out: gone }),
      gap: () => attention.gap(q, k, gone),
      weights: () => attention.weights(gone, k, { kind: 'softmax' }),
      apply: () => map.apply(gone),
      step: () => held.step(token(q, 0), gone, token(v, 0)),
      set: () => held.set(gone, new Float32Array(3)),
    };
    const before = attention.memory;
    for (const [what, call] of Object.entries(calls)) throwsCode(call, 'disposed', what);
    assert.equal(attention.memory, before);
  });

  test('a disposed state or cache is refused, and may be disposed of again', (attention, keep) => {
    const { q, k, v } = inputs({ T: 4, dim: 3 });
    const state = stateFor(attention, { k, v });
    const cache = attention.cache({ heads: 1, dim: 3, maxLength: 9 });
    for (const gone of [state, cache]) {
      gone.dispose();
      gone.dispose();
    }
    const calls = {
      data: () => state.data,
      keySum: () => state.keySum,
      step: () => state.step(token(q, 0), token(k, 0), token(v, 0)),
      set: () => state.set(new Float32Array(9), new Float32Array(3)),
      reset: () => state.reset(),
      clone: () => keep(state.clone()),
      save: () => state.save(),
      linear: () => attention.linear(q, k, v, { causal: true, state }),
      'cache reset': () => cache.reset(),
      'cache clone': () => keep(cache.clone()),
      'cache truncate': () => cache.truncate(0),
      'cache select': () => cache.select([0]),
      'cache copyFrom': () => cache.copyFrom(cache),
      'cache save': () => cache.save(),
      softmax: () => attention.softmax(q, k, v, { causal: true, cache }),
    };
    for (const [what, call] of Object.entries(calls)) throwsCode(call, 'disposed', what);
  });

  test('a disposed instance refuses everything, with all that was made from it', async () => {
    const attention = await make();
    const { q, k, v } = inputs({ T: 4, dim: 3 });
    const [tensor, state, cache, map] = [
      attention.tensor([2]),
      stateFor(attention, { k, v }),
      attention.cache({ heads: 1, dim: 3, maxLength: 9 }),
      attention.featureMap('elu', { dim: 3 }),
    ];
    const [bytes, mapBytes] = [state.save(), map.save()];
    attention.dispose();
    attention.dispose();
    const calls = {
      softmax: () => attention.softmax(q, k, v),
      linear: () => attention.linear(q, k, v),
      gap: () => attention.gap(q, k, v),
      weights: () => attention.weights(q, k, { kind: 'softmax' }),
      featureMap: () => attention.featureMap('elu', { dim: 4 }),
      tensor: () => attention.tensor([1]),
      state: () => attention.state({ heads: 1, dim: 1 }),
      cache: () => attention.cache({ heads: 1, dim: 1, maxLength: 1 }),
      softmaxPart: () => attention.softmaxPart(q, k, v),
      restoreCache: () => attention.restoreCache(new Uint8Array(9)),
      restore: () => attention.restore(bytes),
      restoreMap: () => attention.restoreMap(mapBytes),
      'tensor.data': () => tensor.data,
      'state.step': () => state.step(token(q, 0), token(k, 0), token(v, 0)),
      'state.data': () => state.data,
      'state.save': () => state.save(),
      'cache.reset': () => cache.reset(),
      'cache.truncate': () => cache.truncate(0),
      'cache.select': () => cache.select([0]),
      'cache.save': () => cache.save(),
      'map.apply': () => map.apply(q),
    };
    for (const [what, call] of Object.entries(calls)) throwsCode(call, 'disposed', what);
    for (const one of [tensor, state, cache]) one.dispose();
  });

  test("another instance's state, cache and out are refused, its tensors refused or read rightly", async (attention, keep) => {
    const other = await make();
    const { q, k, v } = inputs({ T: 4, dim: 3 });
    const [state, cache, out, tensor] = [
      stateFor(other, { k, v }),
      other.cache({ heads: 1, dim: 3, maxLength: 9 }),
      other.tensor([1, 1, 4, 3]),
      other.tensor(q.shape, q.data),
    ];
    // Something of our own where theirs lies in their memory.
    const ours = keep(attention.tensor([4096], gaussian([4096], 5).data));
    const before = ours.data.slice();
    for (const refused of [
      () => attention.linear(q, k, v, { causal: true, state }),
      () => attention.softmax(q, k, v, { cache }),
      () => attention.softmax(q, k, v, { out }),
      () => attention.linear(q, k, v, { out }),
    ]) {
      assert.throws(refused, (error) => error instanceof TypeError || error instanceof RangeError);
    }
    let result;
    try {
      result = attention.softmax(tensor, k, v);
    } catch (error) {
      assert.ok(error instanceof TypeError || error instanceof RangeError, error.message);
    }
    if (result) assertSame(result, attention.softmax(q, k, v));
    assertSame(ours.data, before);
    other.dispose();
  });

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

  test('memory counts what is held', (attention, keep) => {
    const before = attention.memory;
    const tensor = attention.tensor([1000]);
    assert.ok(attention.memory >= before + 4000);
    const state = attention.state({ heads: 2, dim: 16 });
    assert.ok(attention.memory >= before + 4000 + state.data.byteLength);
    tensor.dispose();
    state.dispose();
    assert.equal(attention.memory, before);
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

  test("a tensor's shape cannot be replaced: its memory would not follow", (attention, keep) => {
    const tensor = keep(attention.tensor([2, 2]));
    assert.throws(() => { tensor.shape = [200, 2]; }, TypeError);
    assert.deepEqual([...tensor.shape], [2, 2]);
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
