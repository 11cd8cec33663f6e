/** Disposed things, other instances' things, aliases and stale views: refused or right, never silently wrong. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertSame } from '../tolerance.js';
import { gaussian, inputs } from '../util.js';
import { attentionSuite, stateFor, throwsCode, token } from './harness.js';

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

  test("a tensor's shape cannot be replaced: its memory would not follow", (attention, keep) => {
    const tensor = keep(attention.tensor([2, 2]));
    assert.throws(() => { tensor.shape = [200, 2]; }, TypeError);
    assert.deepEqual([...tensor.shape], [2, 2]);
  });

  test.run();
}
