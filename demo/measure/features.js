// How the error of random feature maps falls with the number of features, over several draws.
import { featureCounts, withMade } from './maps.js';
import { sampleInputs } from './random.js';
import { median } from './statistics.js';

/** Kinds of random features, by the options that make them. */
export const kinds = {
  'favor': { name: 'favor' },
  'favor with independent rows': { name: 'favor', options: { orthogonal: false } },
  'hyperbolic favor': { name: 'favor', options: { hyperbolic: true } },
  'rff': { name: 'rff' },
};
export const kindNames = Object.keys(kinds);

/** Draws at each number of features. */
export const draws = 8;

/** Maps that have no features to choose, for comparison. */
export const references = ['elu', 'taylor'];

/** One point: the errors of a kind at one number of features over all draws, or that of a reference, and of the mean of V. */
export function measureFeatures(attention, { kind, features, length, norm, causal, seed, ...sample }) {
  const { q, k, v } = sampleInputs({ ...sample, seed, length, norm });
  const gapOf = (featureMap) => attention.gap(q, k, v, { featureMap, causal });
  if (!kinds[kind]) {
    const { relativeError, meanValueError } = gapOf(kind);
    return { kind, features, least: relativeError, middle: relativeError, most: relativeError, meanValueError };
  }
  const { name, options } = kinds[kind];
  const gaps = Array.from({ length: draws }, (_, draw) => withMade(attention, name, { dim: sample.dim, features, seed: seed + draw, ...options }, gapOf));
  const errors = gaps.map(({ relativeError }) => relativeError);
  return { kind, features, least: Math.min(...errors), middle: median(errors), most: Math.max(...errors), meanValueError: gaps[0].meanValueError };
}

/**
 * The references, then every kind along growing numbers of features.
 * `measure` is measureFeatures, or a promise of it from another thread.
 * @yields {{ rows: object[], done: number, total: number }} all rows so far
 */
export async function* sweepFeatures(measure, { chosen, signal, ...options }) {
  const points = [
    ...references.map((kind) => ({ kind, features: featureCounts[0] })),
    ...featureCounts.flatMap((features) => chosen.map((kind) => ({ kind, features }))),
  ];
  const rows = [];
  for (const point of points) {
    if (signal?.aborted) return;
    rows.push(await measure({ ...options, ...point }));
    yield { rows, done: rows.length, total: points.length };
  }
}
