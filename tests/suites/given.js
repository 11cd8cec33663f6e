/** What a caller gives is read once, and nothing of the caller's can change what was checked. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertSame } from '../tolerance.js';
import { gaussian, inputs, tensorOf } from '../util.js';
import { attentionSuite, throwsCode, throwsKind } from './harness.js';

/** The same object with some properties as getters. */
const withGetters = (object, getters) => Object.defineProperties({ ...object }, Object.fromEntries(Object.entries(getters).map(([name, get]) => [name, { get, enumerable: true }])));

/** Counts how often each property is read. */
function counting(object, counts) {
  return new Proxy(object, {
    get(target, name) {
      if (typeof name === 'string') counts.set(name, (counts.get(name) ?? 0) + 1);
      return target[name];
    },
  });
}

export function given(name, make) {
  const test = attentionSuite(name, make);
  const token = (heads, dim, seed) => gaussian([1, heads, dim], seed);

  test('every property of tensors and options is read once', (attention, keep) => {
    const { q, k, v } = inputs({ heads: 2, T: 9, dim: 4 });
    const decay = tensorOf([1, 2, 9], () => -0.1);
    const state = keep(attention.state({ heads: 2, dim: 4, normalize: false }));
    const cache = keep(attention.cache({ heads: 2, dim: 4, maxLength: 32 }));
    const map = keep(attention.featureMap('favor', { dim: 4, features: 8 }));
    const rows = {
      linear: (t, o) => attention.linear(t(q), t(k), t(v), o({ decay: t(decay), beta: 0.5, keyLengths: [5], state, featureMap: 'elu', causal: true })),
      softmax: (t, o) => attention.softmax(t(q), t(k), t(v), o({ cache, causal: true, scale: 0.5 })),
      gap: (t, o) => attention.gap(t(q), t(k), t(v), o({ causal: true, featureMap: map })),
      weights: (t, o) => attention.weights(t(q), t(k), o({ kind: 'linear' })),
      gla: (t, o) => attention.gla(t(q), t(k), t(v), o({ alpha: t(tensorOf([1, 2, 9], () => 0.9)) })),
      retention: (t, o) => attention.retention(t(q), t(k), t(v), o({ gamma: [0.5, 0.9] })),
      deltaNet: (t, o) => attention.deltaNet(t(q), t(k), t(v), o({ beta: t(tensorOf([1, 2, 9], () => 0.5)) })),
      mamba2: (t, o) => attention.mamba2(t(v), t(tensorOf([1, 2, 9], () => 0.5)), [-1, -2], t(k), t(q), o({ D: [1, 2], dtBias: [0, 1], dtSoftplus: true })),
      step: (t, o) => state.step(t(token(2, 4, 1)), t(token(2, 4, 2)), t(token(2, 4, 3)), o({ decay: [-1, -2], beta: 0.5 })),
      set: (t) => state.set(t(gaussian([1, 2, 4, 4], 1))),
      apply: (t, o) => map.apply(t(q), o({ as: 'key' })),
      featureMap: (t, o) => attention.featureMap('learned', o({ dim: 4, weights: t(gaussian([4, 6], 1)), bias: t(gaussian([6], 2)) })).dispose(),
      state: (t, o) => attention.state(o({ heads: 2, dim: 4, featureMap: map })).dispose(),
      cache: (t, o) => attention.cache(o({ heads: 2, dim: 4, maxLength: 3 })).dispose(),
    };
    for (const [what, call] of Object.entries(rows)) {
      const all = [];
      const count = (object) => {
        const counts = new Map();
        all.push(counts);
        return counting(object, counts);
      };
      call(count, count);
      for (const counts of all) for (const [property, times] of counts) assert.ok(times === 1, `${what}: ${property} was read ${times} times`);
    }
  });

  test("a getter that disposes of out cannot have the call write into somebody else's tensor", (attention, keep) => {
    const state = keep(attention.state({ heads: 1, dim: 4, normalize: false }));
    const out = keep(attention.tensor([1, 1, 4]));
    let other;
    const options = withGetters({ out }, {
      decay() {
        out.dispose();
        other = keep(attention.tensor([1, 1, 4]));
        return -0.5;
      },
    });
    const x = token(1, 4, 1);
    throwsCode(() => state.step(x, x, x, options), 'disposed');
    assertSame(other.data, new Float32Array(4));
    assertSame(state.data, new Float32Array(16));
    assert.equal(state.length, 0);
  });

  test('a getter of k.data that disposes of q ends the call', (attention, keep) => {
    const { q, k, v } = inputs({ T: 5, dim: 4 });
    const resident = keep(attention.tensor(q.shape, q.data));
    const trap = withGetters(k, {
      data() {
        resident.dispose();
        return k.data;
      },
    });
    throwsCode(() => attention.linear(resident, trap, v), 'disposed');
  });

  test('a getter that disposes of the state or the cache ends the call', (attention, keep) => {
    const { q, k, v } = inputs({ T: 5, dim: 4 });
    const state = keep(attention.state({ heads: 1, dim: 4 }));
    const cache = keep(attention.cache({ heads: 1, dim: 4, maxLength: 9 }));
    const trap = (held) => withGetters(v, {
      shape() {
        held.dispose();
        return v.shape;
      },
    });
    throwsCode(() => attention.linear(q, k, trap(state), { state, causal: true }), 'disposed');
    throwsCode(() => attention.softmax(q, k, trap(cache), { cache }), 'disposed');
  });

  test('a getter that detaches or shrinks a buffer ends the call, and the state is as it was', (attention, keep) => {
    const state = keep(attention.state({ heads: 1, dim: 4, normalize: false }));
    const x = token(1, 4, 1);
    const detach = (data) => structuredClone(data.buffer, { transfer: [data.buffer] });
    const victims = {
      'q, detached': () => ({ data: Float32Array.from(x.data), shape: x.shape, spoil: detach }),
    };
    if (ArrayBuffer.prototype.resize) {
      victims['q, shrunk'] = () => {
        const data = new Float32Array(new ArrayBuffer(16, { maxByteLength: 32 }));
        return { data, shape: x.shape, spoil: () => data.buffer.resize(8) };
      };
    }
    for (const [what, make] of Object.entries(victims)) {
      for (const place of ['q', 'out']) {
        const { data, shape, spoil } = make();
        const given = { q: x, out: undefined };
        if (place === 'q') given.q = { data, shape };
        else given.out = data;
        const options = withGetters({ out: given.out }, {
          decay() {
            spoil(data);
            return -1;
          },
        });
        throwsKind(() => state.step(given.q, x, x, options), RangeError, place === 'q' ? /^q\.data must be of length 4/ : /^out must be of length 4/, what);
        assertSame(state.data, new Float32Array(16));
        assert.equal(state.length, 0);
      }
    }
  });

  test('a getter that disposes of the instance ends the call', async () => {
    const other = await make();
    const { q, k, v } = inputs({ T: 5, dim: 4 });
    const options = withGetters({}, {
      causal() {
        other.dispose();
        return true;
      },
    });
    throwsCode(() => other.linear(q, k, v, options), 'disposed');
    throwsCode(() => other.softmax(q, k, v), 'disposed');
  });

  test('options that change at every read mean what they were at the first', (attention, keep) => {
    const changing = (values) => {
      let reads = 0;
      return () => values[Math.min(reads++, values.length - 1)];
    };
    const cache = attention.cache(withGetters({ heads: 1, dim: 4 }, { maxLength: changing([8, 8, { length: 0.5 }]) }));
    assert.equal(keep(cache).maxLength, 8);
    const projection = gaussian([6, 4], 1);
    const map = keep(attention.featureMap('favor', withGetters({ dim: 4 }, { projection: changing([projection, projection, undefined]) })));
    assertSame(map.apply(gaussian([3, 4], 2)), keep(attention.featureMap('favor', { dim: 4, projection })).apply(gaussian([3, 4], 2)));
  });

  test('an array whose length was redefined is as long as it is', (attention) => {
    const { q, k, v } = inputs({ T: 5, dim: 4 });
    const lying = (data, length) => Object.defineProperty(Float32Array.from(data), 'length', { value: length });
    const expected = attention.linear(q, k, v);
    throwsKind(() => attention.linear({ data: lying(q.data.subarray(0, 4), 20), shape: q.shape }, k, v), RangeError, /^q\.data must be of length 20 .*length 4/);
    assertSame(attention.linear({ data: lying(q.data, 4), shape: q.shape }, k, v), expected);
    throwsKind(() => attention.linear(q, k, v, { out: lying(new Float32Array(4), 20) }), RangeError, /^out must be of length 20/);
    const out = lying(new Float32Array(20), 4);
    assert.equal(attention.linear(q, k, v, { out }).data, out);
    assertSame(Float32Array.prototype.slice.call(Object.defineProperty(out, 'x', { value: 1 })), expected.data);
    throwsKind(() => attention.tensor([20], lying(new Float32Array(4), 20)), RangeError, /^data must be 20 numbers/);
  });

  test('a class of arrays with a constructor of its own is never asked for copies', (attention, keep) => {
    class Sly extends Float32Array {
      static get [Symbol.species]() {
        throw new Error('asked');
      }
    }
    const { q, k, v } = inputs({ heads: 5, T: 300, dim: 64 });
    const sly = (x) => ({ data: new Sly(x.data), shape: x.shape });
    assertSame(attention.linear(sly(q), sly(k), sly(v), { out: new Sly(q.data.length) }), attention.linear(q, k, v));
    const weights = gaussian([4, 6], 1);
    keep(attention.featureMap('learned', { dim: 4, weights: sly(weights) }));
    keep(attention.tensor([24], new Sly(24)));
  });

  test('live views serve as inputs, out and decay where making the map grows the memory', async () => {
    const { q, k, v } = inputs({ T: 5, dim: 64 });
    /** An instance with so many tensors that one more of this size may make the memory grow. */
    const filled = async (most) => {
      const own = await make();
      const resident = [q, k, v].map((x) => own.tensor(x.shape, x.data));
      const [out, decay] = [own.tensor(v.shape), own.tensor([1, 1, 5], new Float32Array(5).fill(-0.25))];
      const before = out.data.buffer;
      let count = 0;
      while (count < most && out.data.buffer === before) {
        own.tensor([1024]);
        count++;
      }
      return { own, resident, out, decay, before, count };
    };
    const { own: first, count } = await filled(Infinity);
    first.dispose();
    const { own, resident, out, decay, before } = await filled(count - 1);
    const view = (x) => ({ data: x.data, shape: x.shape });
    const given = resident.map(view);
    assert.equal(out.data.buffer, before);
    const result = own.linear(...given, { featureMap: 'favor', out: out.data, decay: view(decay), normalize: true });
    assert.ok(out.data.buffer !== before, 'the memory has grown');
    const got = result.data.slice();
    assertSame(got, own.linear(q, k, v, { featureMap: 'favor', decay: -0.25, normalize: true }).data);
    assertSame(out.data, got);
    own.dispose();
  });

  test('orders that are not row-major are refused by name, and row-major ones pass', (attention) => {
    const { q, k, v } = inputs({ heads: 2, T: 3, dim: 4 });
    const rowMajor = [24, 12, 4, 1];
    const columnMajor = [1, 1, 2, 6];
    const expected = attention.linear(q, k, v);
    for (const extra of [{ strides: rowMajor }, { strides: rowMajor, offset: 0, order: 'row-major' }, { stride: rowMajor }, { fortranOrder: false }, { stride: () => rowMajor }, { order: 'C' }]) {
      assertSame(attention.linear({ ...q, ...extra }, k, v), expected);
    }
    for (const [extra, message] of [
      [{ strides: columnMajor }, /^q must be row-major .*strides \[1, 1, 2, 6\]/],
      [{ stride: columnMajor }, /^q must be row-major .*stride \[1, 1, 2, 6\]/],
      [{ strides: rowMajor, offset: 3 }, /^q must be row-major .*offset 3/],
      [{ order: 'column-major' }, /^q must be row-major .*order 'column-major'/],
      [{ fortranOrder: true }, /^q must be row-major .*fortranOrder/],
      [{ strides: [4, 1] }, /^q must be row-major .*strides \[4, 1\]/],
    ]) {
      throwsKind(() => attention.linear({ ...q, ...extra }, k, v), RangeError, message);
    }
    // Of a vector there is but one order.
    const one = (extra) => ({ data: Float32Array.of(1, 2, 3), shape: [1, 1, 3, 1], ...extra });
    assertSame(attention.linear(one({ order: 'column-major', strides: [3, 3, 1, 1] }), one(), one()), attention.linear(one(), one(), one()));
  });

  test('lists are compared with what is needed before they are read', (attention) => {
    const { q, k, v } = inputs({ T: 5, dim: 4 });
    const read = (list, name) => {
      if (typeof name === 'string' && /^\d/.test(name)) throw new Error(`element ${name} was read`);
      return list[name];
    };
    const tooLong = (list) => new Proxy(list, { get: read, has: (_, name) => read(list, name) !== undefined });
    const endless = tooLong({ length: 2 ** 30 });
    for (const [call, message] of [
      [() => attention.linear(q, k, v, { decay: endless }), /^decay must be/],
      [() => attention.linear(q, k, v, { beta: endless }), /^beta must be/],
      [() => attention.linear(q, k, v, { keyLengths: endless }), /^keyLengths must be/],
      [() => attention.retention(q, k, v, { gamma: endless }), /^gamma must be/],
      [() => attention.mamba2(v, tensorOf([1, 1, 5], () => 1), endless, k, q), /^A must be/],
      [() => attention.tensor([1], tooLong(new Array(2 ** 27))), /^data must be 1 numbers/],
      [() => attention.tensor(tooLong(new Array(2 ** 27))), /^shape must be/],
      [() => attention.linear({ data: q.data, shape: endless }, k, v), /^q\.shape must be/],
    ]) {
      assert.throws(call, (error) => (error instanceof TypeError || error instanceof RangeError) && message.test(error.message));
    }
  });

  test.run();
}
