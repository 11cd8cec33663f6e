// The recurrence as it runs, for the picture on the first screen: tokens that drift, what each adds, and both answers.
import { normalStream } from './random.js';

/** Tokens after which it begins anew. */
const livingLength = 192;
export const livingDim = 16;

const DRIFT = 0.9; // of a token's vector into the next: a picture of white noise shows nothing

/** Vectors that drift at random, each number with a deviation of 1. */
function drifting(seed, stream, deviation) {
  const next = normalStream(seed, stream);
  const x = Float32Array.from({ length: livingDim }, next);
  return () => {
    for (let i = 0; i < livingDim; i++) x[i] = DRIFT * x[i] + Math.sqrt(1 - DRIFT ** 2) * next();
    return x.map((value) => deviation * value);
  };
}

/** One stream of tokens, held as a state and as a cache. */
export function livingBench(attention, { seed }) {
  const dim = livingDim;
  const state = attention.state({ heads: 1, dim, eps: 0 });
  const cache = attention.cache({ heads: 1, dim, maxLength: livingLength });
  const cacheBytesPerToken = cache.bytes / livingLength;
  const keys = new Float32Array(livingLength * dim);
  let round = 0;
  let sources;
  const begin = () => {
    state.reset();
    cache.reset();
    sources = [0, 1, 2].map((stream) => drifting(seed + round++, stream, stream === 2 ? 1 : 1.5));
  };

  const token = () => {
    if (state.length === livingLength) begin();
    const [q, k, v] = sources.map((next) => next());
    const at = (data) => ({ data, shape: [1, 1, data.length / dim, dim] });
    const linear = state.step({ data: q, shape: [1, 1, dim] }, { data: k, shape: [1, 1, dim] }, { data: v, shape: [1, 1, dim] }).data;
    const exact = attention.softmax(at(q), at(k), at(v), { cache, causal: true }).data;
    keys.set(k, (state.length - 1) * dim);
    const weights = attention.weights(at(q), at(keys.slice(0, state.length * dim)), { kind: 'softmax' }).data;
    const S = state.data;
    return { length: state.length, k, v, S, z: state.keySum, linear, exact, weights, apart: distance(linear, exact), stateBytes: state.bytes, cacheBytes: cacheBytesPerToken * state.length };
  };
  begin();
  return {
    /** The next `count` tokens. */
    advance: (count) => Array.from({ length: count }, token),
    dispose() {
      state.dispose();
      cache.dispose();
    },
  };
}

/** ‖a − b‖ / ‖b‖ */
function distance(a, b) {
  const square = (of) => b.reduce((sum, value, i) => sum + of(value, i) ** 2, 0);
  return Math.sqrt(square((value, i) => a[i] - value) / square((value) => value));
}
