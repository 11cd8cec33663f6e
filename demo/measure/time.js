// The time of softmax and linear attention against sequence length, within a budget of computing time.
import { repeatedNormals } from './random.js';
import { clockResolution, median, powersOfTwo } from './statistics.js';

export const kinds = ['softmax', 'linear'];
/** Short enough that softmax is usually still the faster one. */
export const shortestTimed = 16;

const SAMPLES = { least: 3, most: 9 };
const GROWTH = { softmax: 4, linear: 2 }; // what doubling the length should cost
/** The length of the calls that warm up: a map must take it. */
export const warmUpLength = 128;
const WARM_UP_MS = 120; // engines replace their baseline code by optimised code while it runs
const MOST_CALLS = 4 ** 8;
const LONGEST_CALL_MS = 1200; // a cancel waits for the call under way

/**
 * What is timed: one call on resident tensors, so that no copy is counted.
 * `time` is the only method that a sweep repeats; each of its calls is short.
 */
export function timeBench(attention, { dim, heads, causal, featureMap }) {
  let held = null;
  const release = () => {
    held?.forEach((tensor) => tensor.dispose());
    held = null;
  };
  const hold = (length) => {
    if (held?.[0].shape[2] === length) return;
    release();
    const shape = [1, heads, length, dim];
    const data = repeatedNormals(heads * length * dim);
    held = [attention.tensor(shape, data), attention.tensor(shape, data), attention.tensor(shape, data), attention.tensor(shape)];
  };
  const call = (kind) => {
    const [q, k, v, out] = held;
    if (kind === 'softmax') attention.softmax(q, k, v, { causal, out });
    else attention.linear(q, k, v, { causal, featureMap, out });
  };
  const time = ({ kind, length, calls }) => {
    hold(length);
    const start = performance.now();
    for (let i = 0; i < calls; i++) call(kind);
    return (performance.now() - start) / calls;
  };
  return {
    /** Runs a kind until the engine has optimised it; returns the clock's resolution in ms. */
    warmUp(kind) {
      const end = performance.now() + WARM_UP_MS;
      while (performance.now() < end) time({ kind, length: warmUpLength, calls: 1 });
      return clockResolution();
    },
    /** Milliseconds per call. */
    time,
    dispose: release,
  };
}

/**
 * Times both kinds at growing lengths, repeats interleaved. Each kind has half of the budget of computing time, and stops
 * where its next calls are predicted to exceed that: a slow one takes nothing from the other.
 * @param bench a timeBench, or the same methods returning promises
 * @yields {{ rows: object[], stopped: object, done: number, total: number }} rows are
 *   { kind, length, ms, fastest, slowest, samples }, ms the median; stopped gives the first length left out of a kind
 */
export async function* sweepTime(bench, { maxLength, budget, signal }) {
  const lengths = powersOfTwo(shortestTimed, maxLength);
  const share = budget / kinds.length;
  const longest = Math.min(LONGEST_CALL_MS, share / SAMPLES.least);
  const rows = [];
  const stopped = {};
  const expected = {};
  const left = Object.fromEntries(kinds.map((kind) => [kind, share]));
  let resolution = 0;
  for (const kind of kinds) {
    if (signal?.aborted) return;
    resolution = Math.max(resolution, await bench.warmUp(kind));
  }
  const shortestSample = Math.max(2, 20 * resolution); // so that the clock's steps stay below 5 %

  const sample = async (kind, length, calls) => {
    const ms = await bench.time({ kind, length, calls });
    left[kind] -= ms * calls;
    return ms;
  };

  /** A first guess at the time of a call, from as many calls as the clock can tell from none. */
  const guess = async (kind, length) => {
    for (let calls = 1; ; calls *= 4) {
      const ms = await sample(kind, length, calls);
      if (ms * calls >= shortestSample || calls >= MOST_CALLS || signal?.aborted) return ms;
    }
  };

  for (const [index, length] of lengths.entries()) {
    const samples = {};
    for (const kind of kinds) {
      if (stopped[kind]) continue;
      if (signal?.aborted) return;
      const ms = expected[kind] ?? (await guess(kind, length));
      if (ms > longest || ms * SAMPLES.least > left[kind]) stopped[kind] = length;
      else samples[kind] = { calls: Math.min(MOST_CALLS, Math.ceil(shortestSample / ms)), values: [] };
    }
    const allowance = Object.fromEntries(kinds.map((kind) => [kind, left[kind] - share / lengths.length]));
    for (let round = 0; round < SAMPLES.most; round++) {
      for (const [kind, { calls, values }] of Object.entries(samples)) {
        if (signal?.aborted) return;
        if (round >= SAMPLES.least && left[kind] < allowance[kind]) continue;
        values.push(await sample(kind, length, calls));
      }
    }
    for (const [kind, { values }] of Object.entries(samples)) {
      const ms = median(values);
      expected[kind] = ms * GROWTH[kind];
      rows.push({ kind, length, ms, fastest: Math.min(...values), slowest: Math.max(...values), samples: values.length });
    }
    yield { rows, stopped: { ...stopped }, done: index + 1, total: lengths.length };
    if (kinds.every((kind) => stopped[kind])) return;
  }
}

/** A machine that was busy shows in repeats that differ: how many times as long the slowest took, in the middle of the points. */
export const unrest = (rows) => median(rows.map(({ fastest, slowest }) => slowest / fastest));
/** From here on a reader should know. */
export const BUSY = 1.5;

/** Bytes of the keys and values of all tokens, for all heads in float32: what a cache of softmax attention holds. */
export const cacheBytes = (length, heads, dim) => 8 * heads * length * dim;

/** Bytes that the T×T weights would take if stored, as the formula reads, for all heads in float32. */
export const matrixBytes = (length, heads) => 4 * heads * length * length;
