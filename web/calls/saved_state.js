/**
 * What a saved state holds, in the layout of sections.js. Fields: state { batch, heads, dim, valueDim, normalize, scale,
 * eps } and map (packed_map.js). Sections: state [batch, heads, la_state_floats], what the core keeps as it lies, so that a
 * restored state goes on with the same bits; lengths [batch], the tokens that each row has seen; and those of the map. All
 * are float32 but lengths, which are float64. The core bears any numbers in a block.
 */
import { asCorrupt, corrupt } from '../core/errors.js';
import { checkBytes, copyBytes, isRecord, packSections, readSections, refuseRest, refuseUnknown } from '../core/sections.js';
import { mapFieldsOf, mapSections } from '../maps/packed_map.js';
import { takeSavedMap } from '../maps/saved_map.js';
import { readStateOptions, STATE_OPTIONS } from './state_options.js';
import { readVersion2 } from './saved_v2.js';
import { sameShape } from '../core/validate.js';

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
  if (state === undefined && isRecord(map)) throw corrupt('it is a saved feature map, which restoreMap() takes');
  if (!isRecord(state) || !isRecord(map) || !isRecord(map.options)) throw corrupt('its header does not describe a state and a feature map');
  refuseUnknown('header', others, []);
  refuseUnknown('state', state, STATE_OPTIONS);
  if (!STATE_OPTIONS.every((name) => Object.hasOwn(state, name))) throw corrupt('its header leaves out an option of the state');
  const options = asCorrupt(() => readStateOptions(state));
  const saved = takeSavedMap(map, sections);
  if (map.dim !== options.dim || !(map.heads >= 1) || options.heads % map.heads !== 0) throw corrupt('its feature map is for other vectors');
  const { features } = map;
  const streamFloats = floatsOf(features, options.valueDim);
  if (streamFloats === 0) throw corrupt('no state is as large as it says');
  const shapes = isOld ? oldShapesOf(options, features, saved.scaled) : shapesOf(options, streamFloats);
  const arrays = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, takeSection(sections, name, shape)]));
  refuseRest(sections);
  checkLengths(arrays.lengths);
  return { options, map: saved.map, arrays };
}

/** The elements of a section that has to be there; what is left in `sections` at the end is known to nobody. */
function takeSection(sections, name, shape) {
  const section = sections.get(name);
  const kind = name === 'lengths' ? Float64Array : Float32Array;
  if (!(section?.data instanceof kind) || !sameShape(section.shape, shape)) throw corrupt(`it has no section '${name}' of shape [${shape.join(', ')}]`);
  sections.delete(name);
  return section.data;
}

function checkLengths(lengths) {
  if (!lengths.every((length) => Number.isSafeInteger(length) && length >= 0)) throw corrupt('a length is not an integer from 0 to 2^53 - 1');
}
