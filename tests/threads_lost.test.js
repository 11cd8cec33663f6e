/** Threads that cannot be had, that are lost, or that nobody disposes of: every wait ends, and so does every Worker. */
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import { createAttention } from '../web/worker.js';
import { createFrom, workersOf } from './threaded.js';
import { assertBelow, inputs } from './util.js';

const test = suite('threads lost');

const folder = mkdtempSync(join(tmpdir(), 'linear-attention-wasm-lost-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
let programs = 0;

/** What a program in a Node of its own prints, as JSON; `library` is the folder of the entries. */
async function told(source) {
  const file = join(folder, `${++programs}.mjs`);
  await writeFile(file, `const library = ${JSON.stringify(new URL('../web/', import.meta.url).href)};\n${source}`);
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', file], { timeout: 60_000, killSignal: 'SIGKILL' });
  return JSON.parse(stdout);
}

/** Prints what an instance that was asked for three threads is, once a moment has passed. */
const describeInstance = `
const { createAttention } = await import(library + 'index.js');
const attention = await createAttention({ build: 'simd', threads: 3 });
const x = { data: new Float32Array(300 * 32).fill(0.5), shape: [1, 1, 300, 32] };
const { data } = attention.softmax(x, x, x);
await new Promise((resolve) => setTimeout(resolve, 300));
console.log(JSON.stringify({ threads: attention.threads, reason: attention.threadsReason, right: data.every((one) => Math.abs(one - 0.5) < 1e-6) }));
attention.dispose();
`;

test('the module hears how many threads are left: it waits for none that is known to be lost', async () => {
  const heard = [];
  const listen = (exports) => {
    const { la_threads_alive: tell } = exports;
    exports.la_threads_alive = (threads) => {
      heard.push(threads);
      tell(threads);
    };
  };
  const bytes = await readFile(new URL('../web/dist/simd-threads.wasm', import.meta.url));
  const { result: { attention }, workers } = await workersOf(() => createFrom(bytes, 3, listen));
  for (const worker of workers) await worker.terminate();
  assert.deepEqual(heard, [3, 2, 1]);
  attention.dispose();
});

test('a second worker that fails to start ends nothing: one thread computes, and says why', async () => {
  const { threads, reason, right } = await told(`
    const threads = process.getBuiltinModule('node:worker_threads');
    let opened = 0;
    threads.Worker = class extends threads.Worker {
      constructor(...given) {
        if (++opened === 2) throw new Error('no room for another');
        super(...given);
      }
    };
    ${describeInstance}`);
  assert.deepEqual([threads, right], [1, true]);
  assert.match(reason, /^the workers could not be started: .*no room for another/);
});

/** Of an engine that reserves no more pages of shared memory than these. */
const reserving = (pages) => `
  WebAssembly.Memory = class extends WebAssembly.Memory {
    constructor(described) {
      if (described.shared && described.maximum > ${pages}) throw new RangeError('could not allocate memory');
      super(described);
    }
  };
  ${describeInstance}`;

test('shared memory is asked for down to 64 MB', async () => {
  assert.deepEqual(await told(reserving(1024)), { threads: 3, reason: null, right: true });
});

test('where no memory can be shared, one thread computes, and says why', async () => {
  const { threads, reason, right } = await told(reserving(1023));
  assert.deepEqual([threads, right], [1, true]);
  assert.match(reason, /^shared memory of 67108864 bytes could not be reserved: could not allocate memory/);
});

/** Drops what `make` gives, collects, and prints how many of the Workers that it started have ended. */
const dropped = (make, tries = 1500) => `
  const tries = ${tries};
  const workers = [];
  let ended = 0;
  process.on('worker', (worker) => {
    workers.push(worker);
    worker.on('exit', () => ended++);
  });
  const started = await (async () => {
    ${make}
    return workers.length;
  })();
  for (let i = 0; i < tries && ended < started; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(JSON.stringify({ started, ended }));
  process.exit();`;

test('an instance that is dropped ends its workers; one whose state is held does not', async () => {
  const make = `const { createAttention } = await import(library + 'index.js'); const attention = await createAttention({ threads: 3 });`;
  assert.deepEqual(await told(dropped(make)), { started: 2, ended: 2 });
  assert.deepEqual(await told(dropped(`${make} globalThis.held = attention.state({ heads: 1, dim: 4 });`, 25)), { started: 2, ended: 0 });
});

test('an instance of the Worker entry that is dropped ends its Worker and threads; one whose state is held does not', async () => {
  const make = `const { createAttention } = await import(library + 'worker.js'); const attention = await createAttention({ threads: 2 }); await attention.memory;`;
  assert.deepEqual(await told(dropped(make)), { started: 2, ended: 2 });
  assert.deepEqual(await told(dropped(`${make} globalThis.held = await attention.state({ heads: 1, dim: 4 });`, 25)), { started: 2, ended: 0 });
});

/** Terminates a worker of three and calls at once. */
const losing = (call) => `
  const { createAttention } = await import(library + 'index.js');
  const workers = [];
  process.on('worker', (worker) => workers.push(worker));
  const attention = await createAttention({ build: 'simd', threads: 3 });
  const x = { data: new Float32Array(4096 * 64).fill(0.5), shape: [1, 1, 4096, 64] };
  workers[0].terminate();
  const outcomes = [];
  for (let i = 0; i < 3; i++) {
    try {
      const { data } = attention.${call};
      outcomes.push(data.every((one) => Math.abs(one - 0.5) < 1e-5) ? 'right' : 'wrong');
    } catch (error) {
      outcomes.push(error.code ?? String(error));
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  attention.dispose();
  console.log(JSON.stringify(outcomes));
  process.exit();`;

for (const call of ['linear(x, x, x, { causal: true })', 'linear(x, x, x)', 'softmax(x, x, x)']) {
  test(`${call}: ends although a worker was lost unnoticed`, async () => {
    const outcomes = await told(losing(call));
    for (const outcome of outcomes) assert.ok(['right', 'thread-failed'].includes(outcome), String(outcomes));
  });
}

test('in the Worker entry, cancelling and disposing end a call of threads of which one was lost unnoticed', async () => {
  await assertBelow(200, async () => {
    const workers = [];
    const add = (worker) => workers.push(worker);
    process.on('worker', add);
    const remote = await createAttention({ build: 'simd', threads: 3 });
    process.off('worker', add);
    const qkv = Object.values(inputs({ heads: 1, T: 4096, dim: 64 }));
    const [, lost] = workers;
    assert.equal(workers.length, 3);
    lost.terminate();
    const stop = new AbortController();
    const ending = (promise) => promise.then(() => 'done', ({ code, name }) => (typeof code === 'string' ? code : name));
    const calls = [remote.linear(...qkv, { causal: true, signal: stop.signal }), remote.linear(...qkv, { causal: true })].map(ending);
    await sleep(20);
    const started = performance.now();
    stop.abort();
    const first = await calls[0];
    await remote.dispose();
    const second = await calls[1];
    const took = performance.now() - started;
    assert.ok(['AbortError', 'thread-failed', 'done'].includes(first), first);
    assert.ok(['disposed', 'thread-failed', 'done'].includes(second), second);
    return took;
  });
});

test.run();
