import { wrongKind, wrongShape } from './errors.js';
import { Frame, resultFloats } from './memory.js';
import { place, readOperand } from './operand.js';
import { checkInteger, checkOneOf, checkOptions, MAX_DIM } from './validate.js';

/** la_map_kind by name. */
const KINDS = { elu: 0, relu: 1, identity: 2 };
export const MAP_NAMES = Object.keys(KINDS);

/** φ: R^dim → R^features. */
export class FeatureMap {
  #core;

  constructor(core, name, options) {
    core.check();
    checkOneOf('featureMap', name, MAP_NAMES);
    const { dim } = checkOptions('featureMap', options, ['dim']);
    this.name = name;
    this.dim = checkInteger('dim', dim, 1, MAX_DIM);
    this.#core = core;
    const frame = new Frame(core);
    try {
      const pointer = frame.copyIn(Int32Array.from(mapFields(this)));
      this.features = core.exports.la_feature_map_features(pointer);
    } finally {
      frame.release();
    }
    Object.freeze(this);
  }

  apply(x, options) {
    const core = this.#core;
    core.check();
    const { as } = checkOptions('apply', options, ['as']);
    checkOneOf('as', as, ['query', 'key'], 'query');
    const operand = readOperand(core, 'x', x);
    const { shape } = operand;
    if (shape.length === 0 || shape[shape.length - 1] !== this.dim) throw wrongShape('x', `[..., ${this.dim}]`, shape);
    const rows = operand.length / this.dim;
    const data = resultFloats(rows * this.features);
    const frame = new Frame(core);
    try {
      const input = place(frame, operand);
      const output = frame.alloc(data.length * 4);
      const map = frame.copyIn(Int32Array.from(mapFields(this)));
      core.exports.la_feature_map_apply(map, rows, input, output);
      data.set(core.floatsAt(output, data.length));
    } finally {
      frame.release();
    }
    return { data, shape: [...shape.slice(0, -1), this.features] };
  }
}

/** The fields of la_feature_map. */
export const mapFields = (map) => [KINDS[map.name], map.dim, 0, 0, 0, 1, 1, 0, 0, 0, 0];

/** The option featureMap of a call on vectors of length dim. */
export function checkFeatureMap(core, value, dim, fallback) {
  if (value === undefined) return fallback ?? builtIn(core, 'elu', dim);
  if (typeof value === 'string') {
    checkOneOf('featureMap', value, MAP_NAMES);
    return builtIn(core, value, dim);
  }
  if (!(value instanceof FeatureMap)) throw wrongKind('featureMap', `one of ${MAP_NAMES.map((n) => `'${n}'`).join(', ')} or a FeatureMap`, value);
  if (value.dim !== dim) throw new RangeError(`featureMap must take vectors of dim ${dim}, got one for dim ${value.dim}`);
  return value;
}

/** Named maps have no parameters but dim: one of each is enough for an instance. */
function builtIn(core, name, dim) {
  const key = `${name}/${dim}`;
  let map = core.maps.get(key);
  if (!map) {
    map = new FeatureMap(core, name, { dim });
    core.maps.set(key, map);
  }
  return map;
}

export const sameMap = (a, b) => a === b || (a.name === b.name && a.dim === b.dim);
