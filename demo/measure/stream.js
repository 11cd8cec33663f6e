// The time of one more token, and the memory of the stream, against how many tokens came before.
import { repeatedNormals } from './random.js';
import { clockResolution, mean, median } from './statistics.js';

const memories = ['cache', 'state'];

const POSITIONS = 12;
const SAMPLES = 5;
const WARM_UP_STEPS = 2000;
/** Timed steps lengthen the stream themselves, so they must remain few beside it. */
const mostSteps = (maxLength) => Math.max(128, maxLength >> 4);

/** One stream held both ways: softmax with a cache of keys and values, and linear attention's state. */
export function streamBench(attention, { dim, heads, featureMap, maxLength }) {
  const most = mostSteps(maxLength);
  const room = maxLength + most;
  const cache = attention.cache({ heads, dim, maxLength: room });
  const state = attention.state({ heads, dim, featureMap });
  const values = repeatedNormals(heads * room * dim);
  const many = (length) => ({ data: values.subarray(0, heads * length * dim), shape: [1, heads, length, dim] });
  const token = many(1);
  const [q, k, v, out] = [0, 1, 2, 3].map(() => attention.tensor(token.shape, token.data));
  const [qStep, kStep, vStep, outStep] = [0, 1, 2, 3].map(() => attention.tensor([1, heads, dim], token.data));

  const prepare = {
    cache(position) {
      cache.reset();
      if (position > 0) attention.softmax(token, many(position), many(position), { cache });
    },
    state(position) {
      if (state.length > position) state.reset();
      const missing = position - state.length;
      if (missing > 0) attention.linear(many(missing), many(missing), many(missing), { state, causal: true });
    },
  };
  const step = {
    cache: () => attention.softmax(q, k, v, { cache, causal: true, out }),
    state: () => state.step(qStep, kStep, vStep, { out: outStep }),
  };
  const time = ({ memory, position, steps }) => {
    prepare[memory](position);
    const start = performance.now();
    for (let i = 0; i < steps; i++) step[memory]();
    return (performance.now() - start) / steps;
  };
  return {
    /** Runs both until the engine has optimised them. */
    warmUp() {
      for (const memory of memories) {
        for (let done = 0; done < WARM_UP_STEPS; done += most) time({ memory, position: 0, steps: most });
      }
      return {
        resolution: clockResolution(),
        stateBytes: state.bytes,
        cacheBytes: cache.bytes,
        cacheBytesPerToken: cache.bytes / room,
      };
    },
    /** Milliseconds per step, over `steps` steps from `position` on. */
    time,
    dispose() {
      for (const held of [cache, state, q, k, v, out, qStep, kStep, vStep, outStep]) held.dispose();
    },
  };
}

/**
 * Times a step at growing positions.
 * @param bench a streamBench, or the same methods returning promises
 * @yields {{ rows: object[], bytes: object, done: number, total: number }} rows are
 *   { memory, position, ms, fastest, slowest, samples }; position is the middle of the steps timed with the cache: the
 *   state's time does not depend on it
 */
export async function* sweepStream(bench, { maxLength, signal }) {
  if (signal?.aborted) return;
  const { resolution, ...bytes } = await bench.warmUp();
  const most = mostSteps(maxLength);
  const shortestSample = Math.max(1, 20 * resolution);
  const rows = [];
  const expected = {};
  for (let index = 0; index <= POSITIONS; index++) {
    const position = Math.round((maxLength * index) / POSITIONS);
    const samples = Object.fromEntries(memories.map((memory) => [memory, []]));
    const steps = {};
    for (let round = 0; round < SAMPLES; round++) {
      for (const memory of memories) {
        if (signal?.aborted) return;
        expected[memory] ??= await bench.time({ memory, position, steps: most });
        steps[memory] ??= Math.min(most, Math.ceil(shortestSample / expected[memory]));
        samples[memory].push(await bench.time({ memory, position, steps: steps[memory] }));
      }
    }
    const middle = position + Math.floor(steps.cache / 2);
    for (const memory of memories) {
      const values = samples[memory];
      // A coarse clock may see no time at all in a short sample: then only the mean is unbiased.
      const fine = median(values) * steps[memory] >= shortestSample / 2;
      const ms = (expected[memory] = fine ? median(values) : mean(values));
      rows.push({
        memory,
        position: middle,
        ms,
        fastest: Math.min(...values),
        slowest: Math.max(...values),
        samples: values.length,
      });
    }
    yield { rows, bytes, done: index + 1, total: POSITIONS + 1 };
  }
}
