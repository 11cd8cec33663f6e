// What a feature map makes of exp(q·k/√d): pair by pair, and its features along one coordinate.
import { makeMap, withMap } from './maps.js';
import { pairsOf, scoresOf } from './pairs.js';
import { sampleInputs } from './random.js';

/** Queries, and keys, that are paired. */
export const pairedTokens = 24;
const CURVES = 6;
/** The coordinate is varied from −this to this. */
export const reach = 3;
const POINTS = 61;

/**
 * @param {object} options featureMap: its name, or a map of the caller's for these inputs
 * @param inputs makes q and k of the options
 * @returns {{ rows: Array<{ score, exact, linear }>, curves: number[][], features: number, weightError: number }} rows of
 *   pairsOf; curves [feature][point]
 */
export function measureKernel(attention, { featureMap, features, norm, ...sample }, inputs = sampleInputs) {
  const { q, k } = inputs({ ...sample, norm, length: pairedTokens, heads: 1 });
  const dim = q.shape.at(-1);
  const measure = (map) => {
    const softmax = attention.weights(q, k, { kind: 'softmax' }).data;
    const linear = attention.weights(q, k, { kind: 'linear', featureMap: map }).data;
    let [difference, size] = [0, 0];
    softmax.forEach((exact, at) => {
      difference += (linear[at] - exact) ** 2;
      size += exact ** 2;
    });
    const rows = pairsOf(scoresOf(q, k), linear).map(({ weight, ...row }) => row);
    return { rows, curves: curvesOf(map, dim), features: map.features, weightError: Math.sqrt(difference / size) };
  };
  if (typeof featureMap !== 'string') return measure(featureMap);
  return withMap(makeMap(attention, featureMap, { dim, features, seed: sample.seed, maxLength: POINTS }), measure);
}

/** Where the coordinate is at each point of a curve. */
export const curvePlaces = Array.from({ length: POINTS }, (_, i) => -reach + (2 * reach * i) / (POINTS - 1));

/** The other coordinates: products of coordinates, as dpfp's, would vanish at 0. */
export const rest = 0.5;

/** The first features that the first coordinate changes, all others being the same. */
function curvesOf(map, dim) {
  const data = new Float32Array(POINTS * dim).fill(rest);
  curvePlaces.forEach((place, i) => (data[i * dim] = place));
  const applied = map.apply({ data, shape: [1, 1, POINTS, dim] }, { as: 'key' }).data;
  const curve = (feature) => curvePlaces.map((_, i) => applied[i * map.features + feature]);
  const all = Array.from({ length: map.features }, (_, feature) => curve(feature));
  return all.filter((one) => one.some((value) => Math.abs(value - one[0]) > 1e-6)).slice(0, CURVES);
}
