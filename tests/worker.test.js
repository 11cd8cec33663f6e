/** The asynchronous face: the numbers of the main entry, from a Worker of its own. */
import assert from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import { createAttention as createSync } from '../web/index.js';
import { AttentionError, createAttention } from '../web/worker.js';
import { assertSame } from './tolerance.js';
import { assertBelow, inputs, sliceTime } from './util.js';
import { token } from './suites/harness.js';

const test = suite('worker');
const qkv = Object.values(inputs({ heads: 2, T: 40, dim: 8 }));
const long = Object.values(inputs({ heads: 4, T: 4096, dim: 64 }));
const copy = ({ data, shape }) => ({ data: data.slice(), shape });

/** Both faces of the same build, disposed of after `body`. */
async function withBoth(body) {
  const [remote, local] = await Promise.all([createAttention({ build: 'simd' }), createSync({ build: 'simd' })]);
  try {
    await body(remote, local);
  } finally {
    await remote.dispose();
    local.dispose();
  }
}

async function rejects(promise, kind, pattern) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.constructor, kind, error.message);
    assert.match(error.code ?? error.message, pattern);
    return true;
  });
}

test('the same bits, and what it runs on', () =>
  withBoth(async (remote, local) => {
    assert.equal(remote.build, 'simd');
    assert.equal(await remote.threads, 1);
    assert.equal(await remote.threadsReason, null);
    assert.equal(remote.version, local.version);
    for (const causal of [false, true]) {
      assertSame(await remote.linear(...qkv, { causal }), local.linear(...qkv, { causal }));
      assertSame(await remote.softmax(...qkv, { causal }), local.softmax(...qkv, { causal }));
    }
    assert.deepEqual(await remote.gap(...qkv), local.gap(...qkv));
    assert.equal(qkv[0].data.length, 640, 'inputs are copied');
    assert.equal(await remote.memory, 0);
  }));

test('states, caches, tensors and maps live in the Worker', () =>
  withBoth(async (remote, local) => {
    const state = await remote.state({ heads: 2, dim: 8 });
    const mine = local.state({ heads: 2, dim: 8 });
    assert.equal(state.featureMap.name, 'elu');
    await remote.linear(...qkv, { causal: true, state });
    local.linear(...qkv, { causal: true, state: mine });
    const one = qkv.map((x) => token(sliceTime(x, 0, 1), 0));
    assertSame(await state.step(...one), mine.step(...one));
    assert.equal(await state.length, 41);
    assertSame(await state.data, mine.data);
    const restored = await remote.restore(await state.save());
    assertSame(await restored.step(...one), mine.step(...one));
    const map = await remote.featureMap('relu', { dim: 8 });
    assertSame(await map.apply(qkv[0]), local.featureMap('relu', { dim: 8 }).apply(qkv[0]));
    const tensor = await remote.tensor(qkv[0].shape, qkv[0].data);
    const out = await remote.tensor(qkv[0].shape);
    await remote.linear(tensor, qkv[1], qkv[2], { featureMap: map, out });
    assertSame(await out.data, local.linear(...qkv, { featureMap: 'relu' }));
    await tensor.dispose();
    await rejects(tensor.data, AttentionError, /^disposed$/);
  }));

test('out and transfer', () =>
  withBoth(async (remote, local) => {
    const expected = local.linear(...qkv);
    const out = new Float32Array(expected.data.length);
    const result = await remote.linear(...qkv, { out });
    assert.equal(result.data, out);
    assertSame(out, expected);
    const handed = qkv.map(copy);
    assertSame(await remote.linear(...handed, { transfer: true }), expected);
    assert.ok(handed.every(({ data }) => data.length === 0), 'the buffers are gone');
  }));

test('errors keep their kind, and an argument of this side is checked here', () =>
  withBoth(async (remote) => {
    await rejects(remote.linear(...qkv, { scale: NaN }), RangeError, /scale/);
    await rejects(remote.linear(qkv[0], qkv[1]), TypeError, /v must be/);
    await rejects(remote.linear(...qkv, { wrong: 1 }), TypeError, /unknown option/);
    await rejects(remote.tensor([2 ** 31]), AttentionError, /^out-of-memory$/);
    for (const signal of [5, {}, new EventTarget(), { aborted: true, throwIfAborted() {}, addEventListener() {} }]) await rejects(remote.linear(...qkv, { signal }), TypeError, /^signal must be an AbortSignal/);
    await rejects(remote.linear(...qkv, { onProgress: 5 }), TypeError, /onProgress/);
    await rejects(remote.linear(...qkv, { transfer: 5 }), TypeError, /transfer/);
    await rejects(createAttention({ build: 'fastest' }), RangeError, /build/);
  }));

test('objects of another instance are refused, and nothing of this one changes', async () => {
  const [one, other] = await Promise.all([1, 2].map(() => createAttention({ build: 'simd' })));
  try {
    const [mine, theirs] = await Promise.all([one, other].map((remote) => remote.state({ heads: 2, dim: 8 })));
    const tensor = await other.tensor(qkv[0].shape, qkv[0].data);
    const foreign = /must belong to this attention instance/;
    await rejects(one.linear(...qkv, { causal: true, state: theirs }), RangeError, /^state must belong/);
    await rejects(one.softmax(tensor, qkv[1], qkv[2]), RangeError, /^argument 1 of softmax must belong/);
    await rejects(one.softmax(...qkv, { out: tensor }), RangeError, foreign);
    await rejects(one.linear(...qkv, { featureMap: theirs.featureMap }), RangeError, foreign);
    assert.deepEqual(await Promise.all([mine.length, theirs.length]), [0, 0]);
    assertSame(await tensor.data, qkv[0].data);
  } finally {
    await Promise.all([one.dispose(), other.dispose()]);
  }
});

test('what was disposed of is refused, and forgotten', () =>
  withBoth(async (remote, local) => {
    const favor = await remote.featureMap('favor', { dim: 8 });
    const before = await remote.linear(...qkv, { featureMap: favor });
    const out = await remote.tensor([80_000]);
    await out.dispose();
    await out.dispose();
    const controller = new AbortController();
    await rejects(remote.linear(...qkv, { featureMap: 'favor', out, signal: controller.signal }), AttentionError, /^disposed$/);
    await rejects(out.data, AttentionError, /^disposed$/);
    await remote.tensor([1000], new Float32Array(1000).fill(7));
    assertSame(await remote.linear(...qkv, { featureMap: favor }), before);
    const state = await remote.state({ heads: 2, dim: 8 });
    await state.featureMap.dispose();
    assertSame(await state.featureMap.apply(qkv[0]), local.featureMap('elu', { dim: 8 }).apply(qkv[0]), 'an own map of the instance lives on');
  }));

test('arguments that cannot be sent are named', () =>
  withBoth(async (remote) => {
    const tensors = qkv.map(copy);
    await rejects(remote.softmax(...qkv, { scale: () => 1 }), TypeError, /^scale must be something that can be sent/);
    await rejects(remote.linear(...qkv, { state: remote.state({ heads: 2, dim: 8 }) }), TypeError, /^state must be what a promise gives: await it first, got a Promise/);
    await rejects(remote.softmax(remote.tensor([2, 2]), qkv[1], qkv[2]), TypeError, /^argument 1 of softmax must be what a promise gives/);
    await rejects(remote.softmax(...qkv, { scale: [() => 1] }), TypeError, /^an argument of softmax cannot be sent to the Worker/);
    await remote.softmax(...tensors, { transfer: true });
    await rejects(remote.softmax(...tensors), RangeError, /^q\.data must be of length 640 .*detached/);
    for (const out of [new Array(640).fill(0), { length: 640 }, 'x'.repeat(640)]) await rejects(remote.softmax(...qkv, { out }), TypeError, /^out must be a Tensor or a Float32Array/);
    const shared = new Float32Array(1280);
    const view = { data: shared.subarray(0, 640), shape: qkv[0].shape };
    await rejects(remote.softmax(view, qkv[1], qkv[2], { out: shared.subarray(640), transfer: true }), RangeError, /^out must not share its buffer/);
    assert.equal(shared.length, 1280);
  }));

test('what the caller gives is read once', () =>
  withBoth(async (remote, local) => {
    const reads = new Map();
    const counted = (name, object) =>
      new Proxy(object, {
        get(target, key) {
          if (Object.hasOwn(target, key)) reads.set(`${name}.${key}`, (reads.get(`${name}.${key}`) ?? 0) + 1);
          return target[key];
        },
      });
    const tensors = qkv.map((x, i) => counted('qkv'[i], { ...copy(x), offset: 0 }));
    const out = new Float32Array(640);
    const options = counted('options', { causal: true, scale: 0.5, out, signal: new AbortController().signal, onProgress() {}, transfer: true });
    assertSame(await remote.softmax(...tensors, options), local.softmax(...qkv, { causal: true, scale: 0.5 }));
    assert.deepEqual([...reads].filter(([, count]) => count !== 1), []);
    assert.equal(reads.size, 3 * 3 + 6);
  }));

test('tensor-likes are taken and refused as the main entry does', () =>
  withBoth(async (remote, local) => {
    const transposed = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2], stride: [1, 2], offset: 0 };
    await rejects(remote.softmax(transposed, transposed, transposed), RangeError, /^q must be row-major/);
    await rejects(remote.softmax({ ...qkv[0], shape: ['1', '2', '40', '8'] }, qkv[1], qkv[2]), TypeError, /^q\.shape\[0\] must be an integer/);
    const whole = new Float32Array(2000).fill(7);
    whole.set(qkv[0].data, 100);
    const part = { data: whole.subarray(100, 740), dims: [1n, 2n, 40n, 8n], stride: [640, 320, 8, 1], offset: 0 };
    assertSame(await remote.softmax(part, qkv[1], qkv[2]), local.softmax(...qkv));
    assert.equal(whole.length, 2000);
    const options = Object.assign(Object.create(null), { causal: true, onProgress() {} });
    assertSame(await remote.softmax(...qkv, options), local.softmax(...qkv, { causal: true }));
    const state = await remote.state({ heads: 2, dim: 8 });
    const saved = Buffer.from(await state.save());
    assert.equal((await remote.restore(saved)).heads, 2);
    assert.ok(saved.length > 0);
  }));

test('a resident out is given back itself', () =>
  withBoth(async (remote) => {
    const out = await remote.tensor(qkv[0].shape);
    assert.equal(await remote.softmax(...qkv, { out }), out);
  }));

test('a long call tells how far it is, and slices change no bit', () =>
  withBoth(async (remote, local) => {
    const told = [];
    const result = await remote.softmax(...long, { onProgress: (fraction) => told.push(fraction) });
    assertSame(result, local.softmax(...long));
    assert.ok(told.length > 2 && told.every((fraction, i) => fraction > (told[i - 1] ?? 0) && fraction < 1), String(told));
  }));

test('gap, whose inner calls are whole, gives the same bits with signal and onProgress', () =>
  withBoth(async (remote, local) => {
    const row = Object.values(inputs({ heads: 2, T: 300, dim: 16 }));
    for (const causal of [false, true]) {
      const expected = local.gap(...row, { causal });
      for (const options of [{ onProgress() {} }, { signal: new AbortController().signal }]) {
        for (let run = 0; run < 2; run++) assert.deepEqual(await remote.gap(...row, { causal, ...options }), expected);
      }
    }
  }));

test('a slice has a share for every thread', async () => {
  const many = Object.values(inputs({ heads: 8, T: 256, dim: 64 }));
  const [one, four] = await Promise.all([1, 4].map((threads) => createAttention({ build: 'simd', threads })));
  try {
    for (const [remote, first] of [[one, 1 / 8], [four, 1 / 2]]) {
      const told = [];
      await remote.linear(...many, { causal: true, onProgress: (fraction) => told.push(fraction) });
      assert.equal(told[0], first);
    }
  } finally {
    await Promise.all([one.dispose(), four.dispose()]);
  }
});

test('a call under way is cancelled, and its state stays as it was', () =>
  withBoth(async (remote) => {
    const many = Object.values(inputs({ heads: 16, T: 2048, dim: 32 }));
    const state = await remote.state({ heads: 16, dim: 32, featureMap: 'taylor' });
    await remote.linear(...many, { causal: true, state });
    const before = await state.data;
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error('enough'));
    await rejects(remote.linear(...many, { causal: true, state, signal: stop.signal, onProgress }), Error, /enough/);
    assertSame(await state.data, before);
    assert.equal(await state.length, 2048);
    const late = new AbortController();
    const [first, second] = [remote.softmax(...long), remote.softmax(...long, { signal: late.signal })];
    late.abort();
    await assert.rejects(second, { name: 'AbortError' });
    await first;
    await assert.rejects(remote.softmax(...qkv, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  }));

test('without shared memory a call that waits is still cancelled', async () => {
  globalThis.crossOriginIsolated = false;
  const remote = await createAttention({ build: 'simd' });
  try {
    const stop = new AbortController();
    const [first, second] = [remote.softmax(...long), remote.softmax(...long, { signal: stop.signal })];
    stop.abort();
    await assert.rejects(second, { name: 'AbortError' });
    await first;
  } finally {
    delete globalThis.crossOriginIsolated;
    await remote.dispose();
  }
});

test('dispose ends a call under way at once, rejects it, and what waits and comes after it', async () => {
  await assertBelow(200, async () => {
    const remote = await createAttention({ build: 'simd', threads: 2 });
    assert.equal(await remote.threads, 2);
    const calls = [remote.gap(...long), remote.linear(...qkv), remote.softmax(...qkv, { signal: new AbortController().signal })].map((promise) => rejects(promise, AttentionError, /^disposed$/));
    await sleep(100);
    const started = performance.now();
    await remote.dispose();
    await Promise.all(calls);
    const took = performance.now() - started;
    await rejects(remote.linear(...qkv), AttentionError, /^disposed$/);
    await remote.dispose();
    return took;
  });
});

test.run();
