/** The asynchronous face: calls that are cancelled or whose onProgress throws end at once, and change nothing. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { createAttention } from '../web/worker.js';
import { Fates } from '../web/threads/fates.js';
import { assertSame } from './tolerance.js';
import { assertBelow, inputs } from './util.js';

const test = suite('worker: cancelling');
const qkv = Object.values(inputs({ heads: 2, T: 40, dim: 8 }));
const one = Object.values(inputs({ heads: 1, T: 4000, dim: 64 }));
const [x] = one;
/** A second of one head, which is one item of work: nothing in it can be cut. */
const endless = Object.values(inputs({ heads: 1, T: 40000, dim: 64 }));

/** Calls that take far longer than their cancellation may: sliced or not, of one head or by maps. */
const long = {
  softmax: (a, options) => a.softmax(...one, options),
  'one head of linear': (a, options) => a.linear(...endless, { featureMap: 'taylor', causal: true, ...options }),
  gap: (a, options) => a.gap(...one, options),
  weights: (a, options) => a.weights(one[0], one[1], { kind: 'softmax', ...options }),
  'a map': (a, options, { map }) => map.apply(x, { as: 'key', ...options }),
};

/** Milliseconds after `cancel`, which is called after 100, until the promise is rejected, and with what. */
async function rejectionAfter(promise, cancel) {
  let cancelled;
  setTimeout(() => {
    cancelled = performance.now();
    cancel();
  }, 100);
  const reason = await promise.then(
    () => assert.fail('the call was carried through'),
    (error) => error,
  );
  assert.ok(cancelled !== undefined, `rejected before: ${reason}`);
  return { reason, late: performance.now() - cancelled };
}

const many = Object.values(inputs({ heads: 6, T: 300, dim: 32 }));
const sliced = Object.values(inputs({ heads: 4, T: 4096, dim: 64 }));

/** A state and a cache that have seen tokens, and two places for results. */
async function fill(remote) {
  const state = await remote.state({ heads: 6, dim: 32, featureMap: 'taylor' });
  const cache = await remote.cache({ heads: 6, dim: 32, maxLength: 4000 });
  const windowed = await remote.cache({ heads: 6, dim: 32, window: 70, sinks: 2 });
  const other = await remote.cache({ heads: 6, dim: 32, maxLength: 400 });
  await remote.linear(...many, { causal: true, state });
  await remote.softmax(...many, { causal: true, cache });
  await remote.softmax(...many, { cache: windowed });
  await remote.softmax(...many, { cache: other, lengths: [9] });
  const out = await remote.tensor(many[0].shape, many[0].data);
  return { state, cache, windowed, other, out, floats: new Float32Array(sliced[0].data.length).fill(7) };
}

/** All that a call can change of it. */
async function read({ state, cache, windowed, out, floats }) {
  const [S, z, length, held, keys, last, result] = await Promise.all([state.data, state.keySum, state.length, cache.length, cache.save(), windowed.save(), out.data]);
  return { S, z, length, held, keys, last, result, floats: floats.slice() };
}

/** Calls that write to what they are given. */
const writing = {
  'linear with a resident out': (a, { state, out }, signal) => a.linear(...many, { causal: true, state, out, signal }),
  'linear with an array out': (a, { state, floats }, signal) => a.linear(...many, { causal: true, state, out: floats.subarray(0, many[0].data.length), signal }),
  'softmax with a cache': (a, { cache, out }, signal) => a.softmax(...many, { causal: true, cache, out, signal }),
  'gla': (a, { out }, signal) => a.gla(...many, { decay: Array(6).fill(-0.1), out, signal }),
  'state.set': (a, { state }, signal) => state.set(new Float32Array(6 * 561 * 32), new Float32Array(6 * 561), { signal }),
  'state.reset': (a, { state }, signal) => state.reset({ signal }),
  'softmax with a window': (a, { windowed, out }, signal) => a.softmax(...many, { cache: windowed, out, signal }),
  'cache.reset': (a, { cache }, signal) => cache.reset(undefined, { signal }),
  'cache.truncate': (a, { cache }, signal) => cache.truncate(7, { signal }),
  'cache.select': (a, { cache }, signal) => cache.select([0], { signal }),
  'cache.copyFrom': (a, { cache, other }, signal) => cache.copyFrom(other, { signal }),
};

/** When a call is cancelled: before it can start, while it may run, and when the Worker has answered but nobody has heard. */
const moments = {
  'at once': (cancel) => cancel(),
  'under way': (cancel) => {
    for (const end = performance.now() + 5; performance.now() < end; );
    cancel();
  },
  'when done': (cancel) => {
    for (const end = performance.now() + 200; performance.now() < end; );
    cancel();
  },
};

/** With memory that the page shares with its Worker, and without. */
for (const isolated of [true, false]) {
  const withRemote = async (body) => {
    if (!isolated) globalThis.crossOriginIsolated = false;
    const remote = await createAttention({ build: 'simd' });
    try {
      await body(remote);
    } finally {
      delete globalThis.crossOriginIsolated;
      await remote.dispose();
    }
  };
  const where = isolated ? '' : ', without shared memory';

  for (const [name, call] of Object.entries(long)) {
    test(`${name}: cancelled within 200 ms${where}`, () =>
      withRemote(async (remote) => {
        const map = await remote.featureMap('favor', { dim: 64, features: 4096 });
        const reason = new Error('enough');
        await assertBelow(200, async () => {
          const stop = new AbortController();
          const told = await rejectionAfter(call(remote, { signal: stop.signal }, { map }), () => stop.abort(reason));
          assert.equal(told.reason, reason);
          return told.late;
        });
      }));
  }

  for (const [when, cancel] of Object.entries(moments)) {
    test(`cancelled ${when}, a call leaves state, cache and out as they were${where}`, () =>
      withRemote(async (remote) => {
        for (const [name, call] of Object.entries(writing)) {
          const held = await fill(remote);
          const before = await read(held);
          const stop = new AbortController();
          const promise = call(remote, held, stop.signal);
          cancel(() => stop.abort());
          await assert.rejects(promise, { name: 'AbortError' }, name);
          const after = await read(held);
          for (const [part, values] of Object.entries(before)) assert.deepEqual(after[part], values, `${part}, after ${name}`);
          const again = await remote.linear(...many, { causal: true, state: held.state });
          const fresh = await fill(remote);
          assertSame(again, await remote.linear(...many, { causal: true, state: fresh.state }), `the call after ${name}`);
        }
      }));
  }

  test(`what a cancelled call made is disposed of${where}`, () =>
    withRemote(async (remote) => {
      const before = await remote.memory;
      for (const make of [(signal) => remote.state({ heads: 4, dim: 64, signal }), (signal) => remote.cache({ heads: 4, dim: 64, maxLength: 100, signal }), (signal) => remote.featureMap('favor', { dim: 64, seed: 5, signal })]) {
        const stop = new AbortController();
        const promise = make(stop.signal);
        moments['when done'](() => stop.abort());
        await assert.rejects(promise, { name: 'AbortError' });
      }
      assert.equal(await remote.memory, before);
    }));

  test(`an onProgress that throws rejects its call, and calls go on${where}`, () =>
    withRemote(async (remote) => {
      const mine = new Error('mine');
      const held = await fill(remote);
      const before = await read(held);
      const onProgress = () => {
        throw mine;
      };
      const error = await remote.softmax(...sliced, { out: held.floats, onProgress }).then(() => null, (reason) => reason);
      assert.equal(error, mine);
      assert.deepEqual(await read(held), before);
      assertSame(await remote.softmax(...qkv), await remote.softmax(...qkv, { onProgress() {} }));
    }));
}

test('what is settled is forgotten, and so is what never came', () => {
  const fates = new Fates();
  for (let id = 0; id < 10; id++) {
    if (id % 3 !== 0) fates.open(id);
    fates.settle(id, id % 2 === 0);
  }
  assert.equal(fates.size, 0);
});

test('a signal of another class of that name cancels as well', async () => {
  /** What jsdom has, and what a frame has of its own. */
  class AbortSignal extends EventTarget {
    aborted = false;
    reason = undefined;
    get [Symbol.toStringTag]() {
      return 'AbortSignal';
    }
    throwIfAborted() {
      if (this.aborted) throw this.reason;
    }
  }
  const remote = await createAttention({ build: 'simd' });
  const signal = new AbortSignal();
  const reason = new Error('enough');
  const cancel = () => {
    Object.assign(signal, { aborted: true, reason });
    signal.dispatchEvent(new Event('abort'));
  };
  const told = await rejectionAfter(remote.softmax(...one, { signal }), cancel);
  assert.equal(told.reason, reason);
  await assert.rejects(remote.softmax(...qkv, { signal }), reason);
  await remote.dispose();
});

test.run();
