// The three numbers of the first screen, each in well under a second.
import { clockResolution, crossover, mean, powersOfTwo } from './statistics.js';
import { kinds, timeBench } from './time.js';

/** The length at which both are timed, and those between which the crossover is looked for. */
const timedLength = 4096;
const LENGTHS = powersOfTwo(32, 1024);
/** Which attention is timed. */
export const timed = { dim: 64, heads: 1, causal: false, featureMap: 'elu' };
/** Whose memories are compared. */
const HEADS = 8;
const ROUNDS = 4;
const WARM_UP_MS = 40;
/** A softmax call this long is timed once. */
const LONG_MS = 400;
/** Tokens after which the memories are compared. */
const storedLength = 8192;

/** Fastest times at one length, the crossover from short sweeps below it; full attention, one head. */
export function measureHeadlineTime(attention) {
  const bench = timeBench(attention, timed);
  try {
    for (const kind of kinds) for (const end = performance.now() + WARM_UP_MS; performance.now() < end; ) bench.time({ kind, length: 128, calls: 1 });
    const shortest = Math.max(1, 20 * clockResolution());
    const fastest = (length, rounds) => {
      const best = {};
      for (let round = 0; round < rounds; round++) {
        for (const kind of kinds) {
          let calls = best[kind] ? Math.ceil(shortest / best[kind]) : 1;
          let ms = bench.time({ kind, length, calls });
          for (; ms * calls < shortest; ms = bench.time({ kind, length, calls })) calls *= 4;
          best[kind] = Math.min(best[kind] ?? Infinity, ms);
        }
        if (best.softmax > LONG_MS) break;
      }
      return best;
    };
    const points = LENGTHS.map((length) => ({ length, ...fastest(length, ROUNDS) }));
    const of = (kind) => points.map((point) => ({ length: point.length, ms: point[kind] }));
    return { ...timed, length: timedLength, crossed: crossover(of('softmax'), of('linear')), ...fastest(timedLength, ROUNDS - 1) };
  } finally {
    bench.dispose();
  }
}

/** Bytes of a state, and of the keys and values that a cache holds after so many tokens. */
export function measureHeadlineMemory(attention) {
  const some = 16; // of the cache's tokens: all are alike
  const state = attention.state({ heads: HEADS, dim: timed.dim });
  const cache = attention.cache({ heads: HEADS, dim: timed.dim, maxLength: some });
  const sizes = { heads: HEADS, dim: timed.dim, length: storedLength, state: state.bytes, cache: (cache.bytes / some) * storedLength };
  state.dispose();
  cache.dispose();
  return sizes;
}

/**
 * How far elu is from softmax in every head of the trained model, on average, and how far the mean of V is.
 * @param {Array<{ q, k, v }>} layers of one image
 */
export function measureHeadlineAnswer(attention, layers) {
  const heads = layers.flatMap(({ q, k, v }) => attention.gap(q, k, v, { causal: true, eps: 0 }).perHead);
  return { heads: heads.length, error: mean(heads.map((head) => head.relativeError)), floor: mean(heads.map((head) => head.meanValueError)) };
}
