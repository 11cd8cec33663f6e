/** The weights of a feature map: read from the caller or drawn from a seed, and packed into linear memory. */
import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { MAX_FEATURES } from './map_kinds.js';
import { copyOf, newFloats } from '../core/arrays.js';
import { checkStatus } from '../core/core.js';
import { floatsOf, locate } from '../core/operand.js';
import { checkInteger } from '../core/validate.js';

const MAX_HEADS = 65536;

/** Checks the shape of a tensor option: that of `axes`, after heads or not. What is not known in `sizes` is learned. */
function sizeMapArray({ name, shape }, axes, sizes) {
  const named = shape.length === axes.length ? axes : ['heads', ...axes];
  const fits = shape.length === named.length && named.every((axis, i) => shape[i] >= 1 && (sizes[axis] ?? shape[i]) === shape[i]);
  if (!fits) throw wrongShape(name, `[${axes.map((axis) => sizes[axis] ?? axis).join(', ')}], or that after heads${sizes.heads ? ` = ${sizes.heads}` : ''}`, shape);
  named.forEach((axis, i) => (sizes[axis] = checkInteger(`${axis} of ${name}`, shape[i], 1, axis === 'heads' ? MAX_HEADS : MAX_FEATURES)));
}

/** { given, sizes }: the row's arrays that were given, and heads, rows and columns as far as they follow from them. */
export function sizeMapArrays(row, options, dim) {
  const sizes = { dim, heads: options.heads === undefined ? undefined : checkInteger('heads', options.heads, 1, MAX_HEADS), columns: options.features === undefined ? undefined : row.columns?.(options.features) };
  const given = [];
  for (const [name, axes] of Object.entries(row.arrays ?? {})) {
    if (options[name] === undefined) {
      if (name === row.needs) throw wrongKind(name, 'a tensor ({ data, shape } or { data, dims })', undefined);
      continue;
    }
    sizeMapArray(options[name], axes, sizes);
    given.push(options[name]);
  }
  sizes.heads ??= 1;
  if (row.columns) {
    sizes.columns ??= dim;
    if (sizes.columns !== dim && options.weights === undefined) {
      throw wrongKind('weights', `a tensor ({ data, shape } or { data, dims }) where features are not 2·dim = ${2 * dim}`, undefined);
    }
  }
  return { given, sizes };
}

/** Copies of them by name. */
export function locateMapArrays(core, given) {
  const located = given.map((one) => locate(core, one));
  return Object.fromEntries(located.map((operand) => [operand.name, { data: copyOf(floatsOf(core, operand)), shape: operand.shape }]));
}

/** How many features a given projection makes; a draw would have no use for seed and orthogonal. */
export function checkProjection(options, rows, perRow) {
  for (const name of ['seed', 'orthogonal']) {
    if (options[name] !== undefined) throw new TypeError(`${name} must not be given with projection: nothing is drawn then`);
  }
  const features = rows * perRow;
  if (options.features !== undefined && options.features !== features) throw wrongValue('features', `${features}, as projection makes`, options.features);
  return features;
}

/** One copy per head of an array that may be shared by all of them. */
function perHead({ data, shape }, rank, heads) {
  if (shape.length > rank) return data;
  const all = newFloats(data.length * heads);
  for (let head = 0; head < heads; head++) all.set(data, head * data.length);
  return all;
}

/** Rows ω, [heads, rows, dim], in the frame's memory. */
function draw(core, frame, { seed, orthogonal }, heads, rows, dim) {
  const pointer = frame.alloc(heads * rows * dim * 4);
  const status = core.exports.la_random_features(seed % 2 ** 32, Math.floor(seed / 2 ** 32), heads, rows, dim, orthogonal ? 1 : 0, pointer);
  checkStatus('la_random_features', status);
  return pointer;
}

/**
 * Allocates and fills what the weight fields of la_feature_map point to: { pointer, bytes, weights }, weights by the names
 * of those fields. `map`: the address of an la_feature_map.
 */
export function packWeights(core, frame, row, map, { arrays, sizes, settings }) {
  const { heads, dim, columns } = sizes;
  const { projection, weights = projection, keyWeights, bias, keyBias } = arrays;
  const packed = heads * core.exports.la_feature_map_packed(map);
  const lengths = [weights || row.random ? packed : 0, keyWeights ? packed : 0, bias ? heads * columns : 0, keyBias ? heads * columns : 0];
  const bytes = 4 * lengths.reduce((sum, length) => sum + length, 0);
  if (bytes === 0) return { pointer: 0, bytes, weights: {} };
  const pointer = core.alloc(bytes);
  try {
    let end = pointer;
    const at = lengths.map((length) => (length === 0 ? 0 : (end += length * 4) - length * 4));
    const pack = (source, to) => checkStatus('la_feature_map_pack', core.exports.la_feature_map_pack(map, heads, source, to));
    if (at[0]) pack(weights ? frame.copyIn(perHead(weights, 2, heads)) : draw(core, frame, settings, heads, sizes.rows, dim), at[0]);
    if (at[1]) pack(frame.copyIn(perHead(keyWeights, 2, heads)), at[1]);
    if (at[2]) core.f32.set(perHead(bias, 1, heads), at[2] >>> 2);
    if (at[3]) core.f32.set(perHead(keyBias, 1, heads), at[3] >>> 2);
    return { pointer, bytes, weights: { query_weights: at[0], key_weights: at[1] || at[0], query_bias: at[2], key_bias: at[3] || at[2] } };
  } catch (error) {
    core.free(pointer);
    throw error;
  }
}
