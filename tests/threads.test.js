/** Threads: what createAttention says of them, that they share the work, and what happens when they cannot or when one fails. */
import assert from 'node:assert';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import { Attention } from '../web/calls/attention.js';
import { createAttention } from '../web/index.js';
import { createAttention as createInline } from '../web/inline.js';
import { nodeJson, root, writeApp } from './consumer.js';
import { createCore, passBroken, workersOf } from './threaded.js';
import { assertClose, assertSame } from './tolerance.js';
import { inputs } from './util.js';

const test = suite('threads');
const large = Object.values(inputs({ heads: 3, T: 300, dim: 32 }));

/** What the console is warned of while `body` runs. */
async function warnings(body) {
  const told = [];
  const { warn } = console;
  console.warn = (...words) => told.push(words.join(' '));
  try {
    await body();
  } finally {
    console.warn = warn;
  }
  return told;
}

test('a whole number from 1 to 64, or auto', async () => {
  for (const threads of [0, -1, 1.5, NaN, 65]) await assert.rejects(() => createAttention({ threads }), /^RangeError: threads/);
  for (const threads of ['1', null, true]) await assert.rejects(() => createAttention({ threads }), /^TypeError: threads/);
  const attention = await createAttention({ threads: 'auto' });
  assert.ok(Number.isInteger(attention.threads) && attention.threads >= 1);
  attention.dispose();
});

// The first to ask for threads in vain: the warning comes once per process.
test('without cross-origin isolation: one thread, one warning, and a reason', async () => {
  globalThis.crossOriginIsolated = false;
  try {
    const told = await warnings(async () => {
      for (let i = 0; i < 2; i++) {
        const attention = await createAttention({ threads: 4 });
        assert.equal(attention.threads, 1);
        assert.equal(attention.threadsStartMs, 0);
        assert.match(attention.threadsReason, /cross-origin isolated.*Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/);
        assert.ok(attention.softmax(...large).data.every(Number.isFinite));
        attention.dispose();
      }
    });
    assert.equal(told.length, 1);
    assert.match(told[0], /linear-attention-wasm: 4 threads.*isolated/);
  } finally {
    delete globalThis.crossOriginIsolated;
  }
});

test('a module or an entry without threads: one thread, and a reason', async () => {
  const wasm = await readFile(new URL('../web/dist/simd.wasm', import.meta.url));
  for (const [make, reason] of [
    [() => createAttention({ wasm, threads: 2 }), /module that was given/],
    [() => createInline({ threads: 2 }), /entry/],
  ]) {
    const attention = await make();
    assert.equal(attention.threads, 1);
    assert.match(attention.threadsReason, reason);
    attention.dispose();
  }
});

test('a module with threads that was given runs on one thread, or on as many as asked', async () => {
  const wasm = await readFile(new URL('../web/dist/simd-threads.wasm', import.meta.url));
  for (const threads of [1, 2]) {
    const attention = await createAttention({ wasm, threads });
    assert.equal(attention.threads, threads);
    assert.equal(attention.threadsReason, null);
    assert.equal(attention.memory, 0);
    attention.dispose();
  }
});

for (const build of ['simd', 'relaxed']) {
  test(`${build}: the same bits as one thread, where heads and blocks of queries are shared`, async () => {
    const one = await createAttention({ build });
    const { result: two, workers } = await workersOf(() => createAttention({ build, threads: 2 }));
    assert.equal(workers.length, 1);
    assert.equal(two.threads, 2);
    assert.equal(two.threadsReason, null);
    assert.ok(two.threadsStartMs > 0);
    for (const causal of [false, true]) {
      const expected = one.softmax(...large, { causal });
      // The module without threads comes from the same sources, but from another link: relaxed code may differ.
      if (build === 'simd') for (let i = 0; i < 20; i++) assertSame(two.softmax(...large, { causal }), expected, `causal ${causal}`);
      const first = two.softmax(...large, { causal });
      for (let i = 0; i < 20; i++) assertSame(two.softmax(...large, { causal }), first, `causal ${causal}`);
    }
    for (const attention of [one, two]) attention.dispose();
  });
}

/** Calls that share one sequence among threads, by features or by columns of the state. */
const sharing = {
  'elu': (a, { q, k, v }) => a.linear(q, k, v, { causal: true }),
  'no normaliser': (a, { q, k, v }) => a.linear(q, k, v, { causal: true, featureMap: 'identity', normalize: false }),
  'grouped query heads': (a, { qs, k, v }) => a.linear(qs, k, v, { causal: true }),
  'key lengths': (a, { q, k, v }) => a.linear(q, k, v, { causal: true, keyLengths: [200] }),
  'values of 18': (a, { q, k, v18 }) => a.linear(q, k, v18, { causal: true }),
  'retention': (a, { q, k, v }) => a.retention(q, k, v),
  'gla': (a, { q, k, v, g }) => a.gla(q, k, v, { decay: g }),
  'the delta rule': (a, { q, k, v, beta }) => a.deltaNet(q, k, v, { beta }),
  'favor': (a, { q, k, v }) => {
    const map = a.featureMap('favor', { dim: 40, features: 64, seed: 3 });
    const result = a.linear(q, k, v, { causal: true, featureMap: map });
    map.dispose();
    return result;
  },
  'taylor': (a, { q, k, v }) => a.linear(q, k, v, { causal: true, featureMap: 'taylor' }),
  'a state before and after': (a, { q, k, v }) => {
    const state = a.state({ heads: 1, dim: 40, valueDim: 40 });
    a.linear(q, k, v, { causal: true, state });
    const { data } = a.linear(q, k, v, { causal: true, state });
    const all = Float32Array.of(...data, ...state.data, ...state.keySum);
    state.dispose();
    return { data: all };
  },
};

for (const threads of [2, 3]) {
  test(`${threads} threads share one head: the numbers of one thread, and the same bits in every run`, async () => {
    const one = await createAttention({ build: 'simd' });
    const shared = new Attention(await createCore('simd', threads));
    for (const T of [1, 63, 65, 700]) {
      const { q, k, v } = inputs({ heads: 1, T, dim: 40 });
      const { q: qs } = inputs({ heads: 2, T, dim: 40 });
      const { v: v18 } = inputs({ heads: 1, T, dim: 18 });
      const g = { data: k.data.map((x) => -Math.abs(x) / 8), shape: k.shape };
      const beta = { data: k.data.slice(0, T).map((x) => 1 / (1 + Math.exp(-x))), shape: [1, 1, T] };
      for (const [name, run] of Object.entries(sharing)) {
        if (T < 200 && name === 'key lengths') continue;
        const given = { q, qs, k, v, v18, g, beta };
        const expected = run(one, given);
        const first = run(shared, given);
        assertClose(first.data, expected.data, { rule: name === 'favor' ? 'map linear' : 'gated', name: `${name}, T ${T}` });
        for (let i = 0; i < 5; i++) assertSame(run(shared, given), first, `${name}, T ${T}`);
      }
    }
    assert.equal(shared.memory, 0);
    for (const attention of [one, shared]) attention.dispose();
  });
}

test('seven threads share features that no seventh of them divides', async () => {
  const one = await createAttention({ build: 'simd' });
  const shared = new Attention(await createCore('simd', 7));
  for (const dim of [113, 120, 142, 144]) {
    const { q, k, v } = inputs({ heads: 1, T: 130, dim, valueDim: 12 });
    const [expected, actual] = [one, shared].map((attention) => {
      const state = attention.state({ heads: 1, dim, valueDim: 12 });
      const { data } = attention.linear(q, k, v, { causal: true, state });
      const all = Float32Array.of(...data, ...state.data, ...state.keySum);
      state.dispose();
      return all;
    });
    assertClose(actual, expected, { rule: 'linear', name: `dim ${dim}` });
  }
  for (const attention of [one, shared]) attention.dispose();
});

/** Processors that this process kept busy, on average, while `body` ran. */
async function processorsBusy(body) {
  const started = process.cpuUsage();
  const clock = performance.now();
  await body();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000 / (performance.now() - clock);
}

function spin() {
  for (const end = performance.now() + 200; performance.now() < end; );
}

async function spinTwice() {
  const worker = new Worker(`(${spin})()`, { eval: true });
  spin();
  await once(worker, 'exit');
}

test('the workers do share the work, sleep when there is none, and end with the instance', async () => {
  const { result: attention, workers } = await workersOf(() => createAttention({ threads: 2 }));
  const [q, k, v] = Object.values(inputs({ heads: 2, T: 1024, dim: 64 }));
  // What this machine gives to two threads that only spin is the measure: a second processor may be busy.
  let [share, available] = [0, 0];
  for (const end = performance.now() + 20_000; share <= 0.75 * available && performance.now() < end; ) {
    available = await processorsBusy(spinTwice);
    share = await processorsBusy(() => {
      for (let i = 0; i < 5; i++) attention.softmax(q, k, v);
    });
  }
  assert.ok(share > 0.75 * available, `${share} processors were busy, of ${available} to be had`);
  const idle = process.cpuUsage();
  await sleep(300);
  const rest = process.cpuUsage(idle);
  assert.ok(rest.user + rest.system < 150_000, `${rest.user + rest.system} µs of processor time while idle`);
  const exits = workers.map((worker) => once(worker, 'exit'));
  attention.dispose();
  await Promise.all(exits);
  attention.dispose();
});

test('where Atomics.wait is not allowed, as on the main thread of a page, calls do without', async () => {
  const { wait } = Atomics;
  Atomics.wait = () => {
    throw new TypeError('not here');
  };
  const attention = await createAttention({ build: 'simd', threads: 2 });
  Atomics.wait = wait;
  const one = await createAttention({ build: 'simd' });
  for (let i = 0; i < 20; i++) assertSame(attention.softmax(...large), one.softmax(...large));
  assert.equal(attention.threads, 2);
  for (const each of [attention, one]) each.dispose();
});

test('a worker that ends between calls is done without, and told', async () => {
  const { result: attention, workers } = await workersOf(() => createAttention({ build: 'simd', threads: 3 }));
  const expected = attention.softmax(...large);
  await workers[0].terminate();
  assert.equal(attention.threads, 2);
  assert.match(attention.threadsReason, /a worker failed/);
  assertSame(attention.softmax(...large), expected);
  const [head, result] = [inputs({ heads: 1, T: 300, dim: 64 }), []];
  const runLinear = () => result.push(attention.linear(head.q, head.k, head.v, { causal: true }));
  runLinear();
  await workers[1].terminate();
  assert.equal(attention.threads, 1);
  assertSame(attention.softmax(...large), expected);
  runLinear();
  assertClose(result[1].data, result[0].data, { rule: 'linear' });
  attention.dispose();
});

test('a worker that traps in a call fails the call and the instance', async () => {
  const core = await createCore('simd', 2);
  const told = [];
  for (let i = 0; i < 2; i++) {
    try {
      i === 0 ? passBroken(core) : core.check();
    } catch (error) {
      told.push(error);
    }
  }
  assert.deepEqual(told.map(({ code }) => code), ['thread-failed', 'thread-failed']);
  assert.match(told[0].message, /la_softmax/);
  core.dispose();
});

test('a program that forgets to dispose ends all the same', async () => {
  const folder = await writeApp('forgetful', {
    'main.js': `import { createAttention } from 'linear-attention-wasm';
const attention = await createAttention({ threads: 2 });
console.log(JSON.stringify(attention.threads));
`,
  });
  assert.equal(await nodeJson(`${folder}/main.js`, folder), 2);
});

test('works inside a Worker', async () => {
  const source = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(new URL('web/index.js', `file://${root}`).href)}).then(async ({ createAttention }) => {
      const attention = await createAttention({ build: 'simd', threads: 2 });
      const x = { data: new Float32Array(300 * 32).fill(0.5), shape: [1, 1, 300, 32] };
      const { data } = attention.softmax(x, x, x);
      parentPort.postMessage({ threads: attention.threads, data });
      attention.dispose();
    });`;
  const worker = new Worker(source, { eval: true });
  const [{ threads, data }] = await once(worker, 'message');
  assert.equal(threads, 2);
  assert.ok(data.every((x) => Math.abs(x - 0.5) < 1e-6));
  await once(worker, 'exit');
});

test.run();
