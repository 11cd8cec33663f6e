// How far linear attention is from softmax attention on the same inputs, and the weights behind it.
import { epsOf, makeMap, withMap } from './maps.js';
import { sampleInputs } from './random.js';
import { powersOfTwo } from './statistics.js';

/** The shortest sequence of a sweep. */
export const shortestGap = 16;
/** Tokens in the picture of the weights: small enough to see every cell. */
export const pictureLength = 32;

/** The scales of q and k of a sweep, in half octaves. */
export const scales = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4].map((step) => Number((2 ** (step / 2)).toPrecision(3)));
/** The longest sequence at which the scale is varied. */
export const scaledLength = 256;

/**
 * One point: the gap of one feature map at one length and scale.
 * @param {object} options maxLength: of the whole sweep
 * @param inputs makes q, k and v of the options
 */
export function measureGap(attention, options, inputs = sampleInputs) {
  const { featureMap, features, length, maxLength, norm, causal, ...sample } = options;
  const { q, k, v } = inputs({ ...sample, length, norm });
  const map = makeMap(attention, featureMap, { dim: q.shape.at(-1), features, seed: sample.seed, maxLength });
  const { perHead, ...measures } = withMap(map, () => attention.gap(q, k, v, { featureMap: map, causal, ...epsOf(featureMap) }));
  return { featureMap, length, norm, ...measures };
}

/**
 * The gap along growing lengths, then along growing scales of q and k at one length.
 * `measure` is measureGap, or a promise of it from another thread.
 * @yields {{ rows: object[], done: number, total: number }} all rows so far, with `along` 'length' or 'norm'
 */
export async function* sweepGap(measure, { maps, maxLength, norm, signal, lengths = powersOfTwo(shortestGap, maxLength), ...options }) {
  const points = [
    ...lengths.map((length) => ({ along: 'length', length, norm })),
    ...scales.map((scale) => ({ along: 'norm', length: Math.min(scaledLength, maxLength), norm: scale })),
  ];
  const total = points.length * maps.length;
  const rows = [];
  for (const { along, ...point } of points) {
    for (const featureMap of maps) {
      if (signal?.aborted) return;
      rows.push({ along, ...(await measure({ ...options, ...point, maxLength: lengths.at(-1), featureMap })) });
      yield { rows, done: rows.length, total };
    }
  }
}

/** Softmax and linear attention weights of the first tokens of the same inputs, each [heads, length, length]. */
export function measureWeights(attention, options, inputs = sampleInputs) {
  const { featureMap, features, maxLength, causal, ...sample } = options;
  const { q, k } = inputs({ ...sample, length: pictureLength });
  const map = makeMap(attention, featureMap, { dim: q.shape.at(-1), features, seed: sample.seed, maxLength });
  return {
    length: pictureLength,
    heads: q.shape[1],
    causal,
    featureMap,
    softmax: attention.weights(q, k, { kind: 'softmax', causal }).data,
    linear: withMap(map, () => attention.weights(q, k, { kind: 'linear', featureMap: map, causal }).data),
  };
}
