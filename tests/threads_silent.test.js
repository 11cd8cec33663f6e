/** Threads that are lost unnoticed: every wait for them ends, in the right numbers or in thread-failed. */
import assert from 'node:assert';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import { Attention } from '../web/calls/attention.js';
import { createAttention } from '../web/index.js';
import { createCore, passBroken, workersOf } from './threaded.js';
import { assertClose } from './tolerance.js';
import { inputs } from './util.js';

const test = suite('threads lost without a word');

/** Lets other threads run, but nothing on this one: no event is seen. */
const sleepDeaf = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('a worker terminated without a word: the next causal calls are shared by those that show up', async () => {
  const { q, k, v } = inputs({ heads: 1, T: 300, dim: 64 });
  const one = await createAttention({ build: 'simd' });
  const options = [{ causal: true }, { featureMap: 'taylor', causal: true }, { decay: -0.1, beta: 0.5 }];
  const expected = options.map((each) => one.linear(q, k, v, each));
  for (const lost of [1, 2]) {
    const { result: attention, workers } = await workersOf(async () => new Attention(await createCore('simd', 3)));
    attention.linear(q, k, v, { causal: true });
    for (const worker of workers.slice(0, lost)) worker.terminate();
    sleepDeaf(200);
    const started = performance.now();
    for (const [i, each] of options.entries()) assertClose(attention.linear(q, k, v, each), expected[i], { rule: 'delta' });
    assert.ok(performance.now() - started < 20_000, 'the missing are waited for once, and not for long');
    attention.dispose();
  }
  one.dispose();
});

/** A thread that ends in silence where it traps. */
function openSilent() {
  const source = `
    const { parentPort } = require('node:worker_threads');
    parentPort.on('message', async ({ module, memory, slot, stackTop, tls }) => {
      const { exports } = await WebAssembly.instantiate(module, { env: { memory, emscripten_notify_memory_growth() {} } });
      exports.__stack_pointer.value = stackTop;
      if (tls) exports.__wasm_init_tls(tls);
      parentPort.postMessage({ ready: true });
      try {
        exports.la_thread_run(slot);
      } catch {
        process.exit();
      }
    });`;
  const worker = new Worker(source, { eval: true });
  return {
    postMessage: (message) => worker.postMessage(message),
    addEventListener: (_, listener) => worker.on('message', (data) => listener({ data })),
    onEnd: (end) => worker.on('exit', () => end('it ended')),
    terminate: () => void worker.terminate(),
  };
}

test('a worker that dies inside a call fails the call', async () => {
  const core = await createCore('simd', 2, 0, openSilent);
  for (let i = 0; i < 2; i++) assert.throws(() => (i === 0 ? passBroken(core) : core.check()), { code: 'thread-failed' });
  core.dispose();
});

test.run();
