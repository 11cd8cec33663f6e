// How the error of random feature maps falls with the number of features, over several draws on the same inputs.
import { featureCounts, withMap } from './maps.js';
import { sampleInputs } from './random.js';
import { median } from './statistics.js';

/** Kinds of random features, by the options that make them. */
const kinds = {
  'favor': { name: 'favor' },
  'favor with independent rows': { name: 'favor', options: { orthogonal: false } },
  'hyperbolic favor': { name: 'favor', options: { hyperbolic: true } },
  'rff': { name: 'rff' },
};
export const kindNames = Object.keys(kinds);

/** Draws at each number of features. */
export const draws = 8;

export const meanOfV = 'mean of V';
/** What draws nothing, for comparison. */
export const references = ['elu', 'taylor', meanOfV];

/** Inputs and softmax's answer to them. Linear attention alone is far quicker than a whole gap: one call is short. */
export function featuresBench(attention, { dim, heads, length, norm, causal, seed }) {
  const inputs = sampleInputs({ seed, heads, length, dim, norm });
  const { shape } = inputs.q;
  const [q, k, v] = [inputs.q, inputs.k, inputs.v].map(({ data }) => attention.tensor(shape, data));
  const out = attention.tensor(shape);
  attention.softmax(q, k, v, { causal, out });
  const exact = out.data.slice();

  const errorOf = (featureMap, query, key) => {
    attention.linear(query, key, v, { featureMap, causal, out });
    return relativeError(out.data, exact);
  };
  /** With the same key everywhere, all values that a query sees weigh the same. */
  const meanError = () => {
    const ones = { data: new Float32Array(heads * length).fill(1), shape: [1, heads, length, 1] };
    return errorOf('identity', ones, ones);
  };
  return {
    /** The error of one draw of a kind with so many features, or that of a reference, with as many as it has. */
    measure({ kind, features, draw }) {
      if (kind === meanOfV) return { features: '', relativeError: meanError() };
      const { name, options } = kinds[kind] ?? { name: kind };
      // Multiplied, so that no two seeds share a draw.
      const random = kinds[kind] && { features, seed: seed * draws + draw, ...options };
      const map = attention.featureMap(name, { dim, ...random });
      return withMap(map, () => ({ features: map.features, relativeError: errorOf(map, q, k) }));
    },
    dispose: () => [q, k, v, out].forEach((tensor) => tensor.dispose()),
  };
}

/** ‖actual − exact‖ / ‖exact‖, as attention.gap has it. */
function relativeError(actual, exact) {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < exact.length; i++) {
    difference += (actual[i] - exact[i]) ** 2;
    size += exact[i] ** 2;
  }
  return Math.sqrt(difference / size);
}

/**
 * The references, then every kind along growing numbers of features.
 * @param bench a featuresBench, or the same method returning promises
 * @yields {{ rows: object[], done: number, total: number }} rows are { kind, features, draw, relativeError };
 *   a reference has no draw; points come whole, with all their draws
 */
export async function* sweepFeatures(bench, { chosen, signal }) {
  const allDraws = Array.from({ length: draws }, (_, draw) => draw);
  const points = [
    ...references.map((kind) => ({ kind, ofDraws: [''] })),
    ...featureCounts.flatMap((features) => chosen.map((kind) => ({ kind, features, ofDraws: allDraws }))),
  ];
  const rows = [];
  for (const [index, { ofDraws, ...point }] of points.entries()) {
    const own = [];
    for (const draw of ofDraws) {
      if (signal?.aborted) return;
      const { features, relativeError: error } = await bench.measure({ ...point, draw });
      own.push({ kind: point.kind, features, draw, relativeError: error });
    }
    rows.push(...own);
    yield { rows, done: index + 1, total: points.length };
  }
}

/** A kind's least, median and largest error at each number of features. */
export function spreadOf(rows, kind) {
  const own = rows.filter((row) => row.kind === kind);
  return [...new Set(own.map((row) => row.features))].map((features) => {
    const errors = own.filter((row) => row.features === features).map((row) => row.relativeError);
    return { kind, features, least: Math.min(...errors), middle: median(errors), most: Math.max(...errors) };
  });
}
