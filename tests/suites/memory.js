/** Nothing leaks, and running out of memory is an error like any other. */
import assert from 'node:assert';
import { assertSame } from '../tolerance.js';
import { inputs, mulberry32 } from '../util.js';
import { attentionSuite, stateFor, throwsCode, throwsKind, token } from './harness.js';

export function memory(name, make) {
  const test = attentionSuite(name, make);

  test('10,000 mixed calls, good and refused, leave memory as it was', async () => {
    const attention = await make();
    const uniform = mulberry32(3);
    const sizes = [1, 3, 8, 17, 40].map((T) => inputs({ heads: 2, T, dim: 6, valueDim: 4, seed: T }));
    const tokens = Object.values(inputs({ heads: 2, T: 1, dim: 6, valueDim: 4 })).map((x) => token(x, 0));
    const state = stateFor(attention, sizes[0]);
    const cache = attention.cache({ heads: 2, dim: 6, valueDim: 4, maxLength: 50 });
    const map = attention.featureMap('relu', { dim: 6 });
    const probe = attention.tensor([1]);
    const saved = state.save();
    const wasmBytes = () => probe.data.buffer.byteLength;
    const good = [
      (q, k, v) => attention.softmax(q, k, v, { causal: true }),
      (q, k, v) => attention.linear(q, k, v),
      (q, k, v) => attention.linear(q, k, v, { causal: true, state }),
      () => state.step(...tokens),
      (q, k, v) => attention.gap(q, k, v),
      (q, k) => attention.weights(q, k, { kind: 'linear' }),
      (q) => map.apply(q),
      () => attention.restore(saved).dispose(),
      () => state.clone().dispose(),
      () => attention.tensor([100]).dispose(),
      (q, k, v) => (cache.length > 9 ? cache.reset() : attention.softmax(q, k, v, { cache })),
    ];
    const refused = [
      (q, k, v) => attention.softmax(q, k, v, { scale: NaN }),
      (q, k, v) => attention.linear(q, k, v, { out: new Float32Array(1) }),
      (q, k, v) => attention.linear(q, k, v, { state, featureMap: 'relu' }),
      (q, k) => state.step(q, k, null),
      (q, k) => attention.gap(q, k),
      (q, k) => attention.weights(q, k, { kind: 'neither' }),
      () => attention.restore(saved.subarray(1)),
      () => attention.state({ heads: 1, dim: 1025 }),
      () => attention.tensor([2], [1]),
    ];
    const round = (calls) => {
      for (let i = 0; i < calls; i++) {
        const { q, k, v } = sizes[Math.floor(uniform() * sizes.length)];
        if (uniform() < 0.3) assert.throws(() => refused[Math.floor(uniform() * refused.length)](q, k, v));
        else good[Math.floor(uniform() * good.length)](q, k, v);
      }
    };
    round(500);
    const [held, grown] = [attention.memory, wasmBytes()];
    round(10_000);
    assert.equal(attention.memory, held);
    assert.equal(wasmBytes(), grown);
    attention.dispose();
  });

  test('a batch of very many rows', async () => {
    const attention = await make();
    const state = attention.state({ batch: 2 ** 17, heads: 1, dim: 1, history: 1 });
    state.rewind(0);
    throwsKind(() => state.rewind(1), RangeError, /^n must be an integer from 0 to 0, got 1$/);
    attention.dispose();
  });

  test('more than there is: out-of-memory, and the instance still works', async () => {
    const attention = await make();
    const { q, k, v } = inputs({ T: 20, dim: 8 });
    const expected = attention.softmax(q, k, v);
    const held = attention.memory;
    const calls = {
      'tensor of 8 GB': () => attention.tensor([2 ** 31]),
      'tensor of 2^62 elements': () => attention.tensor([2 ** 31, 2 ** 31]),
      'tensor of more elements than float64 counts': () => attention.tensor([2 ** 50, 2 ** 50]),
      'a size that is 0 modulo 2^32': () => attention.tensor([2 ** 30]),
      'a size that is 16 modulo 2^32': () => attention.tensor([2 ** 30 + 4]),
      state: () => attention.state({ batch: 2 ** 14, heads: 64, dim: 256 }),
      'a state of 2^32 bytes': () => attention.state({ batch: 2 ** 14, heads: 1, dim: 256, valueDim: 256 }),
      cache: () => attention.cache({ heads: 64, dim: 256, maxLength: 2 ** 24 }),
      'a cache of twice 2^32 bytes': () => attention.cache({ heads: 1, dim: 64, valueDim: 64, maxLength: 2 ** 24 }),
    };
    for (const [what, call] of Object.entries(calls)) {
      throwsCode(call, 'out-of-memory', what);
      assert.equal(attention.memory, held, what);
    }
    assertSame(attention.softmax(q, k, v), expected);
    attention.dispose();
  });

  test('near 4 GB a free block that is too small is not taken for one that is large enough', async () => {
    const attention = await make();
    const { q, k, v } = inputs({ T: 3, dim: 256 });
    const expected = attention.softmax(q, k, v);
    attention.cache({ heads: 1, dim: 256, maxLength: 1_500_000 });
    attention.tensor([100_000]).dispose();
    const held = attention.memory;
    throwsCode(() => attention.cache({ heads: 1, dim: 256, maxLength: 700_000 }), 'out-of-memory');
    throwsCode(() => attention.tensor([330_000_000]), 'out-of-memory');
    assert.equal(attention.memory, held);
    assertSame(attention.softmax(q, k, v), expected);
    attention.dispose();
  });

  test('weights too many to store: out-of-memory', async () => {
    const attention = await make();
    const { q, k } = inputs({ T: 2 ** 18, dim: 1 });
    throwsCode(() => attention.weights(q, k, { kind: 'linear' }), 'out-of-memory');
    assert.equal(attention.memory, 0);
    attention.dispose();
  });

  test('a gap whose scratch would be 2^32 bytes and a little: out-of-memory', async () => {
    const attention = await make();
    const shapes = [
      [1, 1, 2 ** 21, 1],
      [1, 1, 1, 1],
      [1, 1, 1, 256],
    ];
    const qkv = shapes.map((shape) => ({ data: new Float32Array(shape[2] * shape[3]), shape }));
    throwsCode(() => attention.gap(...qkv), 'out-of-memory');
    assert.equal(attention.memory, 0);
    const { q, k, v } = inputs({ T: 2, dim: 2 });
    assert.ok(attention.softmax(q, k, v).data.every(Number.isFinite));
    attention.dispose();
  });

  test('a new instance holds nothing, and instances are apart', async () => {
    const [one, two] = [await make(), await make()];
    const tensor = one.tensor([10]);
    assert.ok(one.memory > 0);
    assert.equal(two.memory, 0);
    tensor.dispose();
    assert.equal(one.memory, 0);
    one.dispose();
    two.dispose();
  });

  test.run();
}
