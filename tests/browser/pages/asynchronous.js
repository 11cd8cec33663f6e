// What linear-attention-wasm/worker is asked to do in a page; what throws here fails the test.
import { assertSame } from '../../tolerance.js';
import { makeInputs } from './threads.js';

/** q, k and v, [1, heads, length, 64]: 4 heads of 6144 keep softmax busy for a second or so. */
function makeLong(length, heads = 4) {
  const make = (seed) => ({
    data: Float32Array.from({ length: heads * length * 64 }, (_, i) => (((i + seed) * 7919) % 251) / 125 - 1),
    shape: [1, heads, length, 64],
  });
  return [1, 20, 300].map(make);
}

const LONG = 6144;
const describe = ({ name, code, message }) => ({ name, code, message });

/** What a promise is rejected with; null where it is not. */
const rejection = (promise) => promise.then(() => null, describe);

/** Gives `body` an instance of the worker entry, and disposes of it. */
async function withRemote({ worker }, { threads }, body) {
  const remote = await worker.createAttention({ build: 'simd', threads });
  try {
    return await body(remote);
  } finally {
    await remote.dispose();
  }
}

/** Throws unless both entries give the same bits, in calls and in a state that lives in the Worker. */
export const compareEntries = (library, options) =>
  withRemote(library, options, async (remote) => {
    const local = await library.main.createAttention({ build: 'simd', threads: options.threads });
    const qkv = makeInputs();
    for (const causal of [false, true]) {
      for (const kind of ['linear', 'softmax']) {
        const [result, expected] = [await remote[kind](...qkv, { causal }), local[kind](...qkv, { causal })];
        assertSame(result, expected, `${kind}, causal ${causal}`);
      }
    }
    const shape = { heads: 3, dim: 32 };
    const [state, mine] = [await remote.state(shape), local.state(shape)];
    await remote.linear(...qkv, { causal: true, state });
    local.linear(...qkv, { causal: true, state: mine });
    const restored = await remote.restore(await state.save());
    const token = { data: qkv[0].data.slice(0, 96), shape: [1, 3, 32] };
    const out = new Float32Array(96);
    await restored.step(token, token, token, { out });
    assertSame(out, mine.step(token, token, token), 'a step of a restored state');
    const handed = qkv.map(({ data, shape }) => ({ data: data.slice(), shape }));
    assertSame(await remote.linear(...handed, { transfer: true }), local.linear(...qkv), 'transferred');
    const told = { build: remote.build, threads: await remote.threads, threadsReason: await remote.threadsReason };
    const expected = { threads: local.threads, threadsReason: local.threadsReason };
    local.dispose();
    return { ...told, expected, left: handed.map(({ data }) => data.length) };
  });

/** The same with a library that another origin serves, and with threads of the main entry. */
export async function compareFromElsewhere(_, { origin, ...options }) {
  const [main, worker] = await Promise.all(['index.js', 'worker.js'].map((entry) => import(/* @vite-ignore */ /* webpackIgnore: true */ `${origin}/web/${entry}`)));
  return compareEntries({ main, worker }, options);
}

/** Milliseconds from its cancellation until each method rejects, and with what, while a page that shares no memory goes on. */
export const abortEach = (library, options) =>
  withRemote(library, options, async (remote) => {
    const long = makeLong(4096, 1);
    const map = await remote.featureMap('favor', { dim: 64, features: 4096 });
    const calls = {
      softmax: (signal) => remote.softmax(...makeLong(LONG), { signal }),
      linear: (signal) => remote.linear(...long, { featureMap: 'taylor', causal: true, signal }),
      gap: (signal) => remote.gap(...long, { signal }),
      weights: (signal) => remote.weights(long[0], long[1], { kind: 'softmax', signal }),
      apply: (signal) => map.apply(long[0], { as: 'key', signal }),
    };
    const told = {};
    for (const [name, call] of Object.entries(calls)) {
      const stop = new AbortController();
      let cancelled;
      setTimeout(() => {
        cancelled = performance.now();
        stop.abort();
      }, 50);
      const error = await rejection(call(stop.signal));
      told[name] = { name: error?.name, late: performance.now() - cancelled };
    }
    const qkv = makeInputs();
    assertSame(await remote.softmax(...qkv), await remote.softmax(...qkv, { onProgress() {} }));
    return told;
  });

/** Counts what the page does by itself during a long call, and how long it did nothing at most. */
export const countTicks = (library, options) =>
  withRemote(library, options, async (remote) => {
    const long = makeLong(LONG);
    let [ticks, frames, longest, running] = [0, 0, 0, true];
    const started = performance.now();
    let last = started;
    const tick = () => {
      ticks++;
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    };
    const timer = setInterval(tick, 5);
    const frame = () => {
      frames++;
      if (running) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const fractions = [];
    const onProgress = (fraction) => fractions.push(fraction);
    const { data } = await remote.softmax(...long, { onProgress, transfer: true });
    tick();
    running = false;
    clearInterval(timer);
    return { ticks, frames, longest, took: last - started, fractions, finite: data.every(Number.isFinite) };
  });

/** Aborts a long call at its first sign of progress, and another by a timeout; its state must not change. */
export const abortUnderWay = (library, options) =>
  withRemote(library, options, async (remote) => {
    const heads = 16; // a call may stop between heads
    const state = await remote.state({ heads, dim: 64, featureMap: 'taylor' });
    await remote.linear(...makeLong(64, heads), { causal: true, state });
    const before = await state.data;
    const fractions = { softmax: [], linear: [] };
    const abort = (kind, long, callOptions) => {
      const stop = new AbortController();
      const onProgress = (fraction) => {
        fractions[kind].push(fraction);
        stop.abort();
      };
      return rejection(remote[kind](...long, { ...callOptions, signal: stop.signal, onProgress }));
    };
    const errors = {
      softmax: await abort('softmax', makeLong(2 * LONG), {}),
      linear: await abort('linear', makeLong(LONG / 2, heads), { causal: true, state }),
      timeout: await rejection(remote.softmax(...makeLong(2 * LONG), { signal: AbortSignal.timeout(100) })),
    };
    assertSame(await state.data, before, 'the state of a cancelled call');
    const qkv = makeInputs();
    assertSame(await remote.softmax(...qkv, { signal: new AbortController().signal }), await remote.softmax(...qkv));
    return { errors, fractions, length: await state.length };
  });

/** Aborts calls that wait behind a long one, and one before it is made. */
export const abortWaiting = (library, options) =>
  withRemote(library, options, async (remote) => {
    const qkv = makeInputs();
    const first = remote.softmax(...makeLong(2048));
    const stop = new AbortController();
    const waiting = [1, 2].map(() => rejection(remote.softmax(...qkv, { signal: stop.signal })));
    const last = remote.softmax(...qkv);
    stop.abort();
    const errors = await Promise.all([...waiting, rejection(remote.softmax(...qkv, { signal: AbortSignal.abort() }))]);
    const finite = [(await first).data, (await last).data].every((data) => data.every(Number.isFinite));
    return { errors, finite };
  });

/** Aborts a call by a signal of a frame, whose classes are not the page's. */
export const abortByFrame = (library, options) =>
  withRemote(library, options, async (remote) => {
    const frame = document.body.appendChild(document.createElement('iframe'));
    const stop = new frame.contentWindow.AbortController();
    const call = rejection(remote.softmax(...makeLong(2048), { signal: stop.signal }));
    stop.abort();
    const error = await call;
    frame.remove();
    return { isForeign: !(stop.signal instanceof AbortSignal), name: error?.name };
  });

let kept;

/** Makes an instance that stays until disposeKept. */
export async function keep({ worker }, options) {
  kept = await worker.createAttention({ build: 'simd', ...options });
  return { threads: await kept.threads };
}

/** Disposes of it twice, and returns what its use is rejected with afterwards. */
export async function disposeKept() {
  for (let i = 0; i < 2; i++) await kept.dispose();
  return [await rejection(kept.linear(...makeInputs())), await rejection(kept.state({ heads: 1, dim: 4 }))];
}

/** Calls that must be refused, and with what they are. */
export const provoke = (library, options) =>
  withRemote(library, options, async (remote) => {
    const qkv = makeInputs();
    const kindOf = (error) => ({ kind: error.constructor.name, ...describe(error) });
    const calls = [
      remote.linear(...qkv, { scale: NaN }),
      remote.linear(...qkv, { wrong: 1 }),
      remote.softmax(...qkv, { signal: 5 }),
      remote.tensor([2 ** 31]),
    ];
    return Promise.all(calls.map((promise) => promise.then(() => null, kindOf)));
  });
