/**
 * What a saved state holds, in the layout of sections.js. Fields: state { batch, heads, dim, valueDim, normalize, scale,
 * eps } and map (saved_map.js). Sections: state [batch, heads, la_state_floats], what the core keeps as it lies, so that a
 * restored state goes on with the same bits; lengths [batch], the tokens that each row has seen; and those of the map. All
 * are float32 but lengths, which are float64. The core bears any numbers in a block.
 */
import { asCorrupt, AttentionError, corrupt, describe, wrongKind } from '../core/errors.js';
import { mapFieldsOf, mapSections, savedKind } from '../maps/saved_map.js';
import { MAX_FEATURES } from '../maps/map_kinds.js';
import { checkBytes, isRecord, packSections, readSections } from './sections.js';
import { readStateOptions, STATE_OPTIONS } from './state_options.js';
import { readVersion2 } from './saved_v2.js';
import { sameShape } from '../core/validate.js';
import { kindOf } from '../core/views.js';

/** The shapes of what a state of these options holds: `streamFloats` of each head, or, of version 0.1.0, its sums. */
const shapesOf = ({ batch, heads }, streamFloats) => ({ state: [batch, heads, streamFloats], lengths: [batch] });
const oldShapesOf = ({ batch, heads, valueDim, normalize }, features, isScaled) => ({
  S: [batch, heads, features, valueDim],
  ...(normalize && { z: [batch, heads, features] }),
  ...(isScaled && { exponents: [batch, heads] }),
  lengths: [batch],
});

export function packState(state, streamFloats, arrays) {
  const options = Object.fromEntries(STATE_OPTIONS.map((name) => [name, state[name]]));
  const map = state.featureMap;
  const sections = Object.entries(shapesOf(state, streamFloats)).map(([name, shape]) => ({ name, data: arrays[name], shape }));
  return packSections({ state: options, map: mapFieldsOf(map) }, [...sections, ...mapSections(map)]);
}

/**
 * { options, map, arrays } of saved bytes, read and compared with each other whole before anything is made of them.
 * `floatsOf(features, valueDim)`: the floats of one head's state.
 */
export function unpackState(given, floatsOf) {
  const bytes = copyBytes(given);
  const isOld = checkBytes(bytes, [2, 3]) === 2;
  const { fields, sections } = isOld ? readVersion2(bytes) : readSections(bytes);
  const { state, map, ...others } = fields;
  if (!isRecord(state) || !isRecord(map) || !isRecord(map.options)) throw corrupt('its header does not describe a state and a feature map');
  refuseUnknown('header', others, []);
  refuseUnknown('state', state, STATE_OPTIONS);
  refuseUnknown('feature map', map, ['name', 'dim', 'heads', 'features', 'options']);
  if (!STATE_OPTIONS.every((name) => Object.hasOwn(state, name))) throw corrupt('its header leaves out an option of the state');
  const options = asCorrupt(() => readStateOptions(state));
  const kind = savedKind(map.name);
  if (map.dim !== options.dim || !(map.heads >= 1) || options.heads % map.heads !== 0) throw corrupt('its feature map is for other vectors');
  const { features } = map;
  if (!Number.isInteger(features) || features < 1 || features > MAX_FEATURES) throw corrupt('its feature map makes no such number of features');
  const streamFloats = floatsOf(features, options.valueDim);
  if (streamFloats === 0) throw corrupt('no state is as large as it says');
  const shapes = isOld ? oldShapesOf(options, features, kind.scaled) : shapesOf(options, streamFloats);
  const arrays = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, takeSection(sections, name, shape)]));
  const tensors = kind.arrays.filter((name) => sections.has(`map.${name}`)).map((name) => [name, takeTensor(sections, `map.${name}`)]);
  for (const [name, { required }] of sections) if (required) throw corrupt(`it has a section ${describe(name)}, which this version does not know`);
  checkLengths(arrays.lengths);
  return { options, map: { ...map, arrays: Object.fromEntries(tensors) }, arrays };
}

/** A copy, which begins at a multiple of 8 and which nobody else can change. */
export function copyBytes(bytes) {
  if (kindOf(bytes) !== 'Uint8Array') throw wrongKind('bytes', 'a Uint8Array', bytes);
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    if (cause instanceof RangeError) throw new AttentionError('out-of-memory', 'Could not allocate JavaScript memory for a copy of bytes', { cause });
    throw new TypeError('bytes must be a Uint8Array whose buffer is not detached', { cause });
  }
}

export function refuseUnknown(where, record, known) {
  for (const name of Object.keys(record)) if (!known.includes(name)) throw corrupt(`its ${where} has a field ${describe(name)}, which this version does not know`);
}

/** The elements of a section that has to be there; what is left in `sections` at the end is known to nobody. */
function takeSection(sections, name, shape) {
  const section = sections.get(name);
  const kind = name === 'lengths' ? Float64Array : Float32Array;
  if (!(section?.data instanceof kind) || !sameShape(section.shape, shape)) throw corrupt(`it has no section '${name}' of shape [${shape.join(', ')}]`);
  sections.delete(name);
  return section.data;
}

function takeTensor(sections, name) {
  const { data, shape } = sections.get(name);
  if (!(data instanceof Float32Array)) throw corrupt(`its section '${name}' is not of float32`);
  sections.delete(name);
  return { data, shape };
}

function checkLengths(lengths) {
  if (!lengths.every((length) => Number.isSafeInteger(length) && length >= 0)) throw corrupt('a length is not an integer from 0 to 2^53 - 1');
}
