import { copyOf, newFloats } from '../core/arrays.js';
import { checkStatus, Frame } from '../core/core.js';
import { AttentionError, wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { asTheyAre, optionTakers, takeOptions, takeTensor } from '../core/given.js';
import { locate, place } from '../core/operand.js';
import { internal, isResident, own, requireInstance } from '../core/resident.js';
import { la_feature_map, fieldsIn, writeStruct } from '../core/structs.js';
import { checkInteger, checkOneOf, elements, MAX_DIM, MAX_SIZE } from '../core/validate.js';
import { isScaledKind, MAP_KINDS, MAP_NAMES, MAX_FEATURES } from './map_kinds.js';
import { packMap } from './packed_map.js';
import { checkProjection, locateMapArrays, packWeights, sizeMapArrays } from './map_weights.js';

const APPLY_OPTIONS = optionTakers(asTheyAre('as', 'position'));

/** What takes each option of a kind of map; a null array is not one that was left out. */
function takersOf({ settings = {}, arrays = {}, columns }) {
  return optionTakers({ ...asTheyAre('dim', 'heads', ...(columns ? ['features'] : []), ...Object.keys(settings)), ...Object.fromEntries(Object.keys(arrays).map((name) => [name, takeTensor])) });
}

/** φ: R^dim → R^features. */
export class FeatureMap {
  /** `features`: how many a saved state says that the map has; another map is refused before its weights are drawn. */
  constructor(core, name, options, features) {
    const row = MAP_KINDS[checkOneOf('featureMap', name, MAP_NAMES)];
    const o = takeOptions('featureMap', options, takersOf(row));
    core.check();
    const dim = checkInteger('dim', o.dim, 1, MAX_DIM);
    const { given, sizes } = sizeMapArrays(row, o, dim);
    const arrays = locateMapArrays(core, given);
    const settings = readSettings(row, o, sizes);
    const { size = 0, options: flags = 0, epsilon = 0 } = row.fields?.(settings, sizes.columns) ?? {};
    const fields = { kind: row.kind, dim, size, options: flags, epsilon, query_heads: sizes.heads, key_heads: sizes.heads };
    this.name = name;
    this.dim = dim;
    this.heads = sizes.heads;
    this.options = Object.freeze(settings);
    const frame = new Frame(core);
    try {
      const at = placeMap(core, frame, fields);
      this.features = core.exports.la_feature_map_features(at);
      if (this.features === 0) throw wrongValue('dim', `such that featureMap '${name}' makes at most ${MAX_FEATURES} features`, dim);
      if (features !== undefined && features !== this.features) throw wrongValue('features', `${this.features}, as featureMap '${name}' makes`, features);
      const { pointer, bytes, weights } = packWeights(core, frame, row, at, { arrays, sizes, settings });
      own(this, { core, row, arrays, pointer, bytes, fields: Object.freeze({ ...fields, ...weights }), disposed: false, shared: false, holders: 0 });
    } finally {
      frame.release();
    }
  }

  get bytes() {
    return this[internal].bytes;
  }

  /** Copies of the weights and biases that the map was given; null of a map without. */
  get weights() {
    mapFields(this);
    const { row, arrays } = this[internal];
    const given = row.random ? [] : Object.entries(arrays);
    return given.length === 0 ? null : Object.fromEntries(given.map(([name, { data, shape }]) => [name, { data: copyOf(data), shape: [...shape] }]));
  }

  apply(x, options) {
    const o = takeOptions('apply', options, APPLY_OPTIONS);
    const given = takeTensor('x', x);
    const fields = mapFields(this);
    const { core, row } = this[internal];
    core.check();
    const as = checkOneOf('as', o.as, ['query', 'key'], 'query');
    const position = checkInteger('position', o.position, 0, MAX_SIZE, 0);
    const operand = locate(core, given);
    const { length, heads, sequences } = this.#sequencesOf(operand.shape, row);
    checkPositions(this, [position], length, 'x');
    const from = row.positional ? position : 0;
    const data = newFloats(sequences * length * this.features);
    const frame = new Frame(core);
    try {
      const input = place(frame, operand);
      const output = frame.alloc(data.length * 4);
      const map = placeMap(core, frame, fields);
      for (let n = 0; n < sequences; n++) {
        const head = Math.floor(((n % heads) * this.heads) / heads);
        checkStatus('la_feature_map_apply', core.exports.la_feature_map_apply(map, head, from, as === 'key' ? 1 : 0, length, input + n * length * this.dim * 4, output + n * length * this.features * 4));
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

  save() {
    mapFields(this);
    return packMap(this);
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

function placeMap(core, frame, fields) {
  const pointer = frame.alloc(4 * fieldsIn(la_feature_map));
  writeStruct(core, pointer >>> 2, la_feature_map, fields);
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
  if (!isResident(value, FeatureMap)) throw wrongKind('featureMap', `one of ${MAP_NAMES.map((n) => `'${n}'`).join(', ')} or a FeatureMap`, value);
  requireInstance('featureMap', value[internal].core, core);
  if (value.dim !== dim) throw new RangeError(`featureMap must take vectors of dim ${dim}, got one for dim ${value.dim}`);
  mapFields(value);
  return value;
}

/** Whether φ comes with exponents, of which a state keeps one a head. */
export const isScaled = (map) => isScaledKind(map[internal].row, map.options);

/** Whether φ(x) depends on where x stands. */
export const isPositional = (map) => map[internal].row.positional === true;

/** A map with weights for more than one head serves keys of as many heads. */
export function checkMapHeads(map, heads) {
  if (map.heads !== 1 && map.heads !== heads) throw new RangeError(`featureMap must be for 1 head or the ${heads} of k, got one for ${map.heads}`);
}

/** A state does not know how many heads k will have, only that they divide its own. */
export function checkStateMapHeads(map, heads) {
  if (heads % map.heads !== 0) throw new RangeError(`featureMap must be for 1 head or a divisor of the state's heads, ${heads}, got one for ${map.heads}`);
}

/** Whether `length` vectors that come after `before` others, one number a row of the batch, end within what a map by position knows. `what` are all of them. */
export function checkPositions(map, before, length, what) {
  if (!map[internal].row.positional) return;
  const { maxLength } = map.options;
  const end = before.reduce((most, one) => Math.max(most, one), 0) + length;
  if (end > maxLength) throw new RangeError(`${what} must end within the feature map's maxLength of ${maxLength}, got a length of ${end}`);
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
    a.name === b.name && a.dim === b.dim && a.heads === b.heads && a.features === b.features &&
    Object.keys(a.options).every((name) => a.options[name] === b.options[name]) &&
    Object.keys({ ...one, ...two }).every((name) => sameArray(one[name], two[name]))
  );
}

const sameArray = (a, b) => a !== undefined && b !== undefined && a.data.length === b.data.length && a.data.every((x, i) => Object.is(x, b.data[i]));
