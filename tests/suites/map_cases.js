/** Every feature map with every option that changes its numbers, and the oracle's map of the same weights. */
import * as oracle from '../oracle.js';
import { gaussian } from '../util.js';

/** The rows of a matrix in float64. */
export const rowsOf2d = ({ data, shape: [r, c] }) =>
  Array.from({ length: r }, (_, i) => Float64Array.from(data.subarray(i * c, (i + 1) * c)));

/** The rows of each sequence of T vectors. */
export function perHeadRows(x, T) {
  const d = x.shape.at(-1);
  return Array.from({ length: x.data.length / (T * d || 1) }, (_, n) =>
    rowsOf2d({ data: x.data.subarray(n * T * d, (n + 1) * T * d), shape: [T, d] }),
  );
}

/** The rows ω of a favor map without its norm term, read off its features of unit vectors: [heads][rows][dim]. */
export function omegaOf(map) {
  const { dim, heads, features } = map;
  const units = new Float32Array(heads * dim * dim);
  for (let i = 0; i < heads * dim; i++) units[i * dim + (i % dim)] = 1;
  const { data } = map.apply({ data: units, shape: [heads, dim, dim] });
  const at = (head, r, i) => Math.log(data[(head * dim + i) * features + r] * Math.sqrt(features)) * dim ** 0.25;
  return Array.from({ length: heads }, (_, head) =>
    Array.from({ length: features }, (_, r) => Array.from({ length: dim }, (_, i) => at(head, r, i))),
  );
}

const omega = (dim, rows = 13) => gaussian([rows, dim], dim + 7);

function randomCase(mapName, extra, reference = oracle[mapName]) {
  return {
    title: `${mapName} ${JSON.stringify(extra)}`,
    mapName,
    build: (dim) => ({
      options: { projection: omega(dim), ...extra },
      reference: reference({ omega: rowsOf2d(omega(dim)), ...extra, ...(extra.epsilon && { offset: 'max' }) }),
    }),
  };
}

/** A map whose heads, and whose queries and keys, have weights of their own. */
function learnedCase(mapName, extra, columnsOf, note = '') {
  const heads = 3;
  return {
    title: `${mapName} ${JSON.stringify(extra)} with weights a head${note}`,
    mapName,
    build: (dim) => {
      const columns = columnsOf(dim);
      const [weights, keyWeights] = [1, 2].map((seed) => gaussian([heads, dim, columns], seed, dim ** -0.5));
      const [bias, keyBias] = [3, 4].map((seed) => gaussian([heads, columns], seed));
      const map = (w, b) => oracle[mapName]({ weights: perHeadRows(w, dim), bias: rowsOf2d(b), ...extra });
      const roles = { query: map(weights, bias), key: map(keyWeights, keyBias) };
      return {
        options: { weights, bias, keyWeights, keyBias, ...extra },
        reference: (rows, where) => roles[where.as](rows, { ...where, head: where.head % heads }),
      };
    },
  };
}

const plain = (mapName, options, reference, minDim) => ({
  title: `${mapName} ${JSON.stringify(options)}`,
  mapName,
  build: () => ({ options, reference }),
  minDim,
});

export const mapCases = [
  plain('elu', {}, oracle.elu),
  plain('relu', {}, oracle.relu),
  plain('identity', {}, oracle.identity),
  randomCase('favor', {}),
  randomCase('favor', { hyperbolic: true }),
  randomCase('favor', { normTerm: false }),
  randomCase('favor', { epsilon: 1e-3 }),
  randomCase('favor', { epsilon: 1e-4, hyperbolic: true, normTerm: false }),
  randomCase('rff', {}),
  randomCase('rff', { gaussian: true }),
  plain('dpfp', {}, oracle.dpfp(1)),
  plain('dpfp', { nu: 3 }, oracle.dpfp(3), 2),
  plain('taylor', {}, oracle.taylor),
  plain('hedgehog', {}, oracle.hedgehog()),
  plain('hedgehog', { dialect: 'joint' }, oracle.hedgehog({ dialect: 'joint' })),
  learnedCase('hedgehog', {}, (dim) => dim),
  learnedCase('hedgehog', { dialect: 'joint' }, (dim) => dim),
  learnedCase('hedgehog', {}, (dim) => (dim % 5) + 1, ', other features'),
  learnedCase('hedgehog', { dialect: 'joint' }, (dim) => 7 * (dim % 3) + 2, ', other features'),
  learnedCase('learned', {}, (dim) => (dim % 3) * 4 + 5),
  learnedCase('learned', { activation: 'exp' }, (dim) => (dim % 3) * 4 + 5),
  plain('cosformer', { maxLength: 25 }, oracle.cosformer({ maxLength: 25 })),
];
