/** Feature maps out of saved bytes (packed_map.js says what these hold): of a state, or of a map by itself. */
import { asCorrupt, corrupt } from '../core/errors.js';
import { internal } from '../core/resident.js';
import { checkBytes, copyBytes, isJsonObject, readSections, refuseRest, refuseUnknown } from '../core/sections.js';
import { adoptMap, FeatureMap, sameMap } from './feature_map.js';
import { isScaledKind, MAP_KINDS, MAX_FEATURES } from './map_kinds.js';

/** Whether sums of the map that a header describes may overflow, what tensors it may have, and its options, with those that it leaves out. */
export function savedKind({ name, options }) {
  if (typeof name !== 'string' || !Object.hasOwn(MAP_KINDS, name)) throw corrupt('its feature map is of a kind that this version does not know');
  const row = MAP_KINDS[name];
  const settings = { ...row.since, ...options };
  return { scaled: isScaledKind(row, settings), arrays: Object.keys(row.arrays ?? {}), options: settings };
}

/** { map, scaled } of what a header says of a map; its tensors are taken out of the sections. */
export function takeSavedMap(map, sections) {
  refuseUnknown('feature map', map, ['name', 'dim', 'heads', 'features', 'options']);
  const { scaled, arrays, options } = savedKind(map);
  const { features } = map;
  if (!Number.isInteger(features) || features < 1 || features > MAX_FEATURES) throw corrupt('its feature map makes no such number of features');
  const tensors = arrays.filter((name) => sections.has(`map.${name}`)).map((name) => [name, takeTensor(sections, `map.${name}`)]);
  return { map: { ...map, options, arrays: Object.fromEntries(tensors) }, scaled };
}

function takeTensor(sections, name) {
  const { data, shape } = sections.get(name);
  if (!(data instanceof Float32Array)) throw corrupt(`its section '${name}' is not of float32`);
  sections.delete(name);
  return { data, shape };
}

const equalTo = ({ arrays, ...fields }) => {
  const saved = { ...fields, [internal]: { arrays } };
  return (map) => sameMap(map, saved) && sameMap(saved, map);
};

/** A new map: { name, dim, heads, features, options, arrays } as saved. */
function makeMap(core, saved) {
  const { name, dim, heads, features, options, arrays } = saved;
  const map = asCorrupt(() => new FeatureMap(core, name, { ...options, ...arrays, dim, heads }, features));
  if (equalTo(saved)(map)) return map;
  map.dispose();
  throw corrupt('its feature map holds more than one');
}

/** The map of a saved state: an equal one of the instance's own where there is one, else a new one, which lives as long as some state holds it. */
export function restoreStateMap(core, saved) {
  const own = [...core.maps.values()].find(equalTo(saved));
  if (own) return own;
  const map = makeMap(core, saved);
  adoptMap(core, map, map);
  return map;
}

/** The map of what map.save() returned: the caller's own. */
export function restoreMap(core, given) {
  core.check();
  const bytes = copyBytes(given);
  checkBytes(bytes, [3]);
  const { fields: { map, state, ...others }, sections } = readSections(bytes);
  if (state !== undefined) throw corrupt('it is a saved state, which restore() takes');
  refuseUnknown('header', others, []);
  if (!isJsonObject(map) || !isJsonObject(map.options)) throw corrupt('its header does not describe a feature map');
  const saved = takeSavedMap(map, sections);
  refuseRest(sections);
  return makeMap(core, saved.map);
}
