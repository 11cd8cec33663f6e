// What linear attention is compared with: softmax over a window that takes no more memory, and the best weights of its rank.
import { epsOf, makeMap, withMap } from './maps.js';
import { sampleInputs } from './random.js';
import { leftOver, squaredSingularValues } from './singular_values.js';

export const windowName = 'softmax over a window';

/** Tokens whose keys and values take as many numbers as S and z of a map with so many features. */
export const windowOf = (features, dim) => Math.max(1, Math.floor((features * (dim + 1)) / (2 * dim)));

/**
 * One head's answers of softmax over the last `size` tokens, or over as many around the query when not causal.
 * @param {{ q, k, v }} inputs [1, 1, length, dim]
 */
export function windowAnswers({ q, k, v }, { size, causal }) {
  const [, , length, dim] = q.shape;
  const scale = 1 / Math.sqrt(dim);
  const out = new Float32Array(length * dim);
  const weights = new Float64Array(size);
  for (let i = 0; i < length; i++) {
    const first = Math.max(0, Math.min(causal ? i - size + 1 : i - (size >> 1), causal ? i : length - size));
    const last = Math.min(causal ? i : length - 1, first + size - 1);
    let most = -Infinity;
    for (let j = first; j <= last; j++) {
      let score = 0;
      for (let c = 0; c < dim; c++) score += q.data[i * dim + c] * k.data[j * dim + c];
      weights[j - first] = score * scale;
      most = Math.max(most, score * scale);
    }
    let sum = 0;
    for (let j = first; j <= last; j++) sum += weights[j - first] = Math.exp(weights[j - first] - most);
    for (let j = first; j <= last; j++) {
      const weight = weights[j - first] / sum;
      for (let c = 0; c < dim; c++) out[i * dim + c] += weight * v.data[j * dim + c];
    }
  }
  return out;
}

/** The largest block whose singular values are found without a wait. */
const MOST_ROWS = 256;
/** Lengths of a sweep at which the weights are compared. */
export const rankedLengths = (lengths, causal) => lengths.filter((length) => (causal ? length >> 1 : length) <= MOST_ROWS);

/**
 * One head's weights beside softmax's, and what any weights of the same rank leave over. Causal weights have a bounded rank
 * in the block below the diagonal alone (later queries, earlier keys), so both are of that block.
 * @returns {{ size: number, maps: Record<string, { features, difference, best }> }} squares of norms
 */
export function measureRank(attention, { maps, features, length, maxLength, norm, causal, at, ...sample }, inputs = sampleInputs) {
  const all = inputs({ ...sample, length, norm });
  const [q, k] = [all.q, all.k].map((one) => headOf(one, at));
  const [top, width] = causal ? [length >> 1, length >> 1] : [0, length];
  const rows = length - top;
  const blockOf = ({ data }) => {
    const block = new Float64Array(rows * width);
    for (let i = 0; i < rows; i++) block.set(data.subarray((top + i) * length, (top + i) * length + width), i * width);
    return block;
  };
  // The rank of a block does not depend on whether its rows sum to 1: both are divided as in the whole matrix.
  const exact = blockOf(attention.weights(q, k, { kind: 'softmax', causal }));
  const squares = squaredSingularValues(exact, rows, width);
  const measured = {};
  for (const name of maps) {
    withMap(makeMap(attention, name, { dim: q.shape.at(-1), features, seed: sample.seed, maxLength }), (map) => {
      const block = blockOf(attention.weights(q, k, { kind: 'linear', featureMap: map, causal }));
      measured[name] = { features: map.features, difference: block.reduce((sum, value, i) => sum + (value - exact[i]) ** 2, 0), best: leftOver(squares, map.features) };
    });
  }
  return { size: leftOver(squares, 0), maps: measured };
}

/** One head of [1, heads, length, dim], as [1, 1, length, dim]. */
export function headOf({ data, shape: [, , length, dim] }, head) {
  return { data: data.subarray(head * length * dim, (head + 1) * length * dim), shape: [1, 1, length, dim] };
}

/**
 * One head's answers beside softmax's, of a map (by its name, or one of the caller's) or of the window, as sums that add up over heads.
 * @returns {{ size, difference, mean, product, own, most }} squares of the norms of softmax's answers, of how far this is
 *   from them, of how far the mean of V is; their product, the square of its own norm, and the largest difference
 */
export function measureHead(attention, { featureMap, features, length, maxLength, norm, causal, at, size: windowSize, ...sample }, inputs = sampleInputs) {
  const all = inputs({ ...sample, length, norm });
  const [q, k, v] = [all.q, all.k, all.v].map((one) => headOf(one, at));
  const dim = q.shape.at(-1);
  const exact = attention.softmax(q, k, v, { causal }).data;
  const ones = { data: new Float32Array(length).fill(1), shape: [1, 1, length, 1] };
  const meanOfV = attention.linear(ones, ones, v, { featureMap: 'identity', causal }).data;
  const answersOf = (map, eps) => attention.linear(q, k, v, { featureMap: map, causal, ...eps }).data;
  const named = () => withMap(makeMap(attention, featureMap, { dim, features, seed: sample.seed, maxLength }), (map) => answersOf(map, epsOf(featureMap)));
  const own = () => (typeof featureMap === 'string' ? named() : answersOf(featureMap));
  const answers = featureMap === windowName ? windowAnswers({ q, k, v }, { size: windowSize, causal }) : own();
  const sums = { size: 0, difference: 0, mean: 0, product: 0, own: 0, most: 0 };
  for (let i = 0; i < exact.length; i++) {
    const away = answers[i] - exact[i];
    sums.size += exact[i] ** 2;
    sums.difference += away ** 2;
    sums.mean += (meanOfV[i] - exact[i]) ** 2;
    sums.product += answers[i] * exact[i];
    sums.own += answers[i] ** 2;
    sums.most = Math.max(sums.most, Math.abs(away));
  }
  return sums;
}

/** The measures of all heads together, as attention.gap names them. */
export function combineHeads(heads) {
  const sum = (name) => heads.reduce((total, head) => total + head[name], 0);
  const size = sum('size');
  return {
    relativeError: Math.sqrt(sum('difference') / size),
    maxError: Math.max(...heads.map(({ most }) => most)),
    cosine: sum('product') / Math.sqrt(size * sum('own')),
    meanValueError: Math.sqrt(sum('mean') / size),
  };
}
