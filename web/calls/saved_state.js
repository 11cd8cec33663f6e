/**
 * What a saved state holds, in the layout of sections.js. Fields: state { batch, heads, dim, valueDim, normalize, scale,
 * eps } and map (packed_map.js). Sections: state [batch, heads, la_state_floats], what the core keeps as it lies, so that a
 * restored state goes on with the same bits; lengths [batch], the tokens that each row has seen; and those of the map. Of a
 * state that does not begin with its sequence start [1]; of one with a transition decays [batch, heads, features], their
 * sums, and with delta rules matrix, the block of its matrix state. All are float32 but lengths, start and decays, which
 * are float64. The core bears any numbers in a block.
 */
import { asCorrupt, corrupt } from '../core/errors.js';
import { checkBytes, copyBytes, isJsonObject, packSections, readSections, refuseRest, refuseUnknown, takeSection } from '../core/sections.js';
import { mapFieldsOf, mapSections } from '../maps/packed_map.js';
import { takeSavedMap } from '../maps/saved_map.js';
import { readStateOptions, STATE_OPTIONS } from './state_options.js';
import { readVersion2 } from './saved_v2.js';
import { MAX_DIM } from '../core/validate.js';

const WIDE = ['lengths', 'start', 'decays'];
/** The array that a section's elements come in. */
const kindOf = (name) => (WIDE.includes(name) ? Float64Array : Float32Array);

/** The shapes of what a state of these options holds: `streamFloats` of each head, or, of version 0.1.0, its sums. */
const shapesOf = ({ batch, heads }, streamFloats) => ({ state: [batch, heads, streamFloats], lengths: [batch] });
const oldShapesOf = ({ batch, heads, valueDim, normalize }, features, isScaled) => ({
  S: [batch, heads, features, valueDim],
  ...(normalize && { z: [batch, heads, features] }),
  ...(isScaled && { exponents: [batch, heads] }),
  lengths: [batch],
});

/** What is saved of a state with a transition, or that does not begin with a sequence. */
const moreShapesOf = ({ batch, heads }, features, matrixFloats) => ({ start: [1], decays: [batch, heads, features], matrix: [batch, heads, matrixFloats] });

export function packState(state, streamFloats, arrays, matrixFloats) {
  const options = Object.fromEntries(STATE_OPTIONS.map((name) => [name, state[name]]));
  const map = state.featureMap;
  const shapes = { ...shapesOf(state, streamFloats), ...moreShapesOf(state, map.features, matrixFloats) };
  const sections = Object.keys(shapes).filter((name) => arrays[name] !== undefined).map((name) => ({ name, data: arrays[name], shape: shapes[name] }));
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
  if (state === undefined && isJsonObject(map)) throw corrupt('it is a saved feature map, which restoreMap() takes');
  if (!isJsonObject(state) || !isJsonObject(map) || !isJsonObject(map.options)) throw corrupt('its header does not describe a state and a feature map');
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
  const arrays = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, takeSection(sections, name, kindOf(name), shape)]));
  const more = moreShapesOf(options, features, sections.has('matrix') ? floatsOf(features, features) : 0);
  for (const name of Object.keys(more)) if (!isOld && sections.has(name)) arrays[name] = takeSection(sections, name, kindOf(name), more[name]);
  if (arrays.matrix && (!arrays.decays || features > MAX_DIM)) throw corrupt('it has a matrix that no state has');
  if (arrays.decays && map.options.epsilon > 0) throw corrupt('its feature map goes with no transition');
  if (arrays.start) checkLengths(arrays.start);
  refuseRest(sections);
  checkLengths(arrays.lengths);
  return { options, map: saved.map, arrays };
}

function checkLengths(lengths) {
  if (!lengths.every((length) => Number.isSafeInteger(length) && length >= 0)) throw corrupt('a length is not an integer from 0 to 2^53 - 1');
}
