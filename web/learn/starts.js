/** Where distilling begins: weights under which a map already looks at every direction of its input. */
import { newFloats } from '../core/arrays.js';
import { normals } from './draws.js';

/** Of the noise that tells the blocks of columns after the first apart. */
const NOISE = 0.02;
const QUERIES = 1;
const KEYS = 2;

/** Columns of W, and so of b. */
const columnsOf = ({ map, features }, dim) => (map === 'hedgehog' ? (features ?? 2 * dim) / 2 : (features ?? dim));

/** The identity, then half of it plus noise for every further block of dim columns: [heads, dim, columns] times `factor`. */
function identities(noise, [heads, dim, columns], factor) {
  const weights = newFloats(heads * dim * columns);
  for (let h = 0; h < heads; h++) {
    for (let c = 0; c < columns; c++) {
      const isFirst = c < dim;
      for (let i = 0; i < dim; i++) {
        const one = (c % dim === i ? 1 : 0) * (isFirst ? 1 : 0.5);
        weights[(h * dim + i) * columns + c] = factor * (isFirst ? one : one + NOISE * noise[(h * columns + c) * dim + i]);
      }
    }
  }
  return weights;
}

/** Normal numbers of variance 1/dim, [heads, dim, columns]. */
function independent(noise, [heads, dim, columns]) {
  const weights = newFloats(heads * dim * columns);
  const factor = 1 / Math.sqrt(dim);
  for (let h = 0; h < heads; h++) {
    for (let c = 0; c < columns; c++) for (let i = 0; i < dim; i++) weights[(h * dim + i) * columns + c] = factor * noise[(h * columns + c) * dim + i];
  }
  return weights;
}

/** By map, or its activation. Softmax's temperature is for exp to begin with: φ(q)·φ(k) then has exp(q·k/√dim)'s size of argument. */
const STARTS = {
  hedgehog: (noise, sizes) => identities(noise, sizes, 1),
  relu: independent,
  exp: (noise, sizes) => identities(noise, sizes, 1 / Math.sqrt(Math.sqrt(sizes[1]))),
};

/** The weights and biases of queries and of keys that distilling starts from, by the names of the map's options: { data, shape } each. */
export function startOf(core, { map, activation, seed, features }, heads, dim) {
  const columns = columnsOf({ map, features }, dim);
  const shape = [heads, dim, columns];
  const weights = (stream) => ({ data: STARTS[activation ?? map](normals(core, seed, stream, [heads, columns, dim]), shape), shape });
  const bias = () => ({ data: newFloats(heads * columns), shape: [heads, columns] });
  return { weights: weights(QUERIES), bias: bias(), keyWeights: weights(KEYS), keyBias: bias() };
}
