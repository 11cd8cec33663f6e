import { AttentionError, wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { MAP_KINDS, MAP_NAMES } from './map_kinds.js';
import { checkProjection, packWeights, readMapArrays } from './map_weights.js';
import { checkStatus, float, Frame, resultFloats } from '../core/core.js';
import { place, readOperand } from '../core/operand.js';
import { internal } from '../core/tensor.js';
import { checkInteger, checkOneOf, checkOptions, elements, MAX_DIM } from '../core/validate.js';

const MAX_POSITION = 2 ** 31 - 1;

/** φ: R^dim → R^features. */
export class FeatureMap {
  /** `features`: how many a saved state says that the map has; another map is refused before its weights are drawn. */
  constructor(core, name, options, features) {
    core.check();
    const row = MAP_KINDS[checkOneOf('featureMap', name, MAP_NAMES)];
    const known = Object.keys({ ...row.settings, ...row.arrays });
    const o = checkOptions('featureMap', options, ['dim', 'heads', ...known]);
    const dim = checkInteger('dim', o.dim, 1, MAX_DIM);
    const { arrays, sizes } = readMapArrays(core, row, o, dim);
    const settings = readSettings(row, o, sizes);
    const { size = 0, options: flags = 0, epsilon = 0 } = row.fields?.(settings, sizes.columns) ?? {};
    const start = [row.kind, dim, size, flags, float(epsilon), sizes.heads, sizes.heads];
    this.name = name;
    this.dim = dim;
    this.heads = sizes.heads;
    this.options = Object.freeze(settings);
    const frame = new Frame(core);
    try {
      const pointer = placeFields(core, frame, [...start, 0, 0, 0, 0]);
      this.features = core.exports.la_feature_map_features(pointer);
      if (features !== undefined && features !== this.features) throw wrongValue('features', `${this.features}, as featureMap '${name}' makes`, features);
      const weights = packWeights(core, frame, row, pointer, { arrays, sizes, settings });
      this[internal] = { core, row, arrays, pointer: weights.pointer, bytes: weights.bytes, fields: Object.freeze([...start, ...weights.fields]), disposed: false, shared: false, holders: 0 };
    } finally {
      frame.release();
    }
    Object.freeze(this);
  }

  get bytes() {
    return this[internal].bytes;
  }

  apply(x, options) {
    const fields = mapFields(this);
    const { core, row } = this[internal];
    core.check();
    const o = checkOptions('apply', options, ['as', 'position']);
    const as = checkOneOf('as', o.as, ['query', 'key'], 'query');
    const position = checkInteger('position', o.position, 0, MAX_POSITION, 0);
    const operand = readOperand(core, 'x', x);
    const { length, heads, sequences } = this.#sequencesOf(operand.shape, row);
    checkPositions(this, position + length, 'x');
    const data = resultFloats(sequences * length * this.features);
    const frame = new Frame(core);
    try {
      const input = place(frame, operand);
      const output = frame.alloc(data.length * 4);
      const map = placeFields(core, frame, fields);
      for (let n = 0; n < sequences; n++) {
        const head = Math.floor(((n % heads) * this.heads) / heads);
        checkStatus('la_feature_map_apply', core.exports.la_feature_map_apply(map, head, position, as === 'key' ? 1 : 0, length, input + n * length * this.dim * 4, output + n * length * this.features * 4));
      }
      data.set(core.floatsAt(output, data.length));
    } finally {
      frame.release();
    }
    return { data, shape: [...operand.shape.slice(0, -1), this.features] };
  }

  /** How x divides into sequences of one head each: one of all vectors, where neither head nor place matters. */
  #sequencesOf(shape, row) {
    if (shape.length === 0 || shape[shape.length - 1] !== this.dim) throw wrongShape('x', `[..., ${this.dim}]`, shape);
    const vectors = elements(shape.slice(0, -1));
    const [heads = 1, length = 1] = shape.length > 2 ? shape.slice(-3, -1) : [1, ...shape.slice(0, -1)];
    if (this.heads > 1) {
      if (shape.length < 3 || heads % this.heads !== 0) throw wrongShape('x', `[..., heads, length, ${this.dim}] with heads a multiple of the map's ${this.heads}`, shape);
    } else if (!row.positional && !(this.options.epsilon > 0)) {
      return { length: vectors, heads: 1, sequences: 1 };
    }
    return { length, heads, sequences: length === 0 ? 0 : vectors / length };
  }

  dispose() {
    const memory = this[internal];
    if (memory.disposed || memory.shared) return;
    memory.core.free(memory.pointer);
    memory.disposed = true;
  }
}

if (Symbol.dispose) FeatureMap.prototype[Symbol.dispose] = FeatureMap.prototype.dispose;

function readSettings(row, options, sizes) {
  const given = { ...options };
  if (row.random && options.projection !== undefined) {
    const perRow = row.random.perRow(options);
    given.features = checkProjection(options, sizes.rows, perRow);
  }
  const settings = Object.fromEntries(Object.entries(row.settings ?? {}).map(([name, check]) => [name, check(given[name], sizes.dim)]));
  if (row.random && options.projection !== undefined) {
    delete settings.seed;
    delete settings.orthogonal;
  }
  if (row.random) sizes.rows = settings.features / row.random.perRow(settings);
  return settings;
}

function placeFields(core, frame, fields) {
  const pointer = frame.alloc(fields.length * 4);
  const { i32, f32 } = core;
  fields.forEach((field, i) => (typeof field === 'number' ? (i32[(pointer >>> 2) + i] = field) : (f32[(pointer >>> 2) + i] = field.float)));
  return pointer;
}

/** The fields of la_feature_map, while the map is there. */
export function mapFields(map) {
  const { disposed, fields } = map[internal];
  if (disposed) throw new AttentionError('disposed', `featureMap '${map.name}' was disposed`);
  return fields;
}

/** The option featureMap of a call on vectors of length dim. */
export function checkFeatureMap(core, value, dim, fallback) {
  if (value === undefined) return fallback ?? builtIn(core, 'elu', dim);
  if (typeof value === 'string') {
    checkOneOf('featureMap', value, MAP_NAMES);
    return builtIn(core, value, dim);
  }
  if (!(value instanceof FeatureMap)) throw wrongKind('featureMap', `one of ${MAP_NAMES.map((n) => `'${n}'`).join(', ')} or a FeatureMap`, value);
  if (value[internal].core !== core) throw new RangeError('featureMap must belong to this attention instance, got one of another instance');
  if (value.dim !== dim) throw new RangeError(`featureMap must take vectors of dim ${dim}, got one for dim ${value.dim}`);
  mapFields(value);
  return value;
}

/** Whether φ comes with exponents, of which a state keeps one a head. */
export const isScaled = (map) => map[internal].row.scaled === true;

/** Whether φ(x) depends on where x stands. */
export const isPositional = (map) => map[internal].row.positional === true;

/** A map with weights for more than one head serves keys of as many heads. */
export function checkMapHeads(map, heads) {
  if (map.heads !== 1 && map.heads !== heads) throw new RangeError(`featureMap must be for 1 head or the ${heads} of k, got one for ${map.heads}`);
}

/** A map by position ends at its maxLength; `what` are the `length` vectors, earlier ones included. */
export function checkPositions(map, length, what) {
  const { maxLength } = map.options;
  if (maxLength !== undefined && length > maxLength) throw new RangeError(`${what} must end within the feature map's maxLength of ${maxLength}, got a length of ${length}`);
}

/** Maps made from names have no options but dim: one of each is enough for an instance, and is its own. */
function builtIn(core, name, dim) {
  const key = `${name}/${dim}`;
  let map = core.maps.get(key);
  if (!map) {
    const { needs } = MAP_KINDS[name];
    if (needs) throw new TypeError(`featureMap '${name}' needs ${needs}: make it with attention.featureMap('${name}', { dim: ${dim}, ${needs} })`);
    map = new FeatureMap(core, name, { dim });
    adoptMap(core, map, key);
  }
  return map;
}

/** Makes the map the instance's own, which alone disposes of it: by name for good, else (key: the map) for as long as states hold it. */
export function adoptMap(core, map, key) {
  map[internal].shared = true;
  core.maps.set(key, map);
}

/** Counts the states that hold a map. */
export function holdMap(map) {
  map[internal].holders += 1;
}

export function releaseMap(map) {
  map[internal].holders -= 1;
  dropUnheld(map);
}

/** Disposes of a map that restore made, when no state holds it. */
export function dropUnheld(map) {
  const memory = map[internal];
  if (memory.holders > 0 || !memory.core.maps.delete(map)) return;
  memory.shared = false;
  map.dispose();
}

/** Equal options and, where weights were given, equal weights. */
export function sameMap(a, b) {
  if (a === b) return true;
  const [one, two] = [a, b].map((map) => map[internal].arrays);
  return (
    a.name === b.name && a.dim === b.dim && a.heads === b.heads &&
    Object.keys(a.options).every((name) => a.options[name] === b.options[name]) &&
    Object.keys({ ...one, ...two }).every((name) => sameArray(one[name], two[name]))
  );
}

const sameArray = (a, b) => a !== undefined && b !== undefined && a.data.length === b.data.length && a.data.every((x, i) => Object.is(x, b.data[i]));
