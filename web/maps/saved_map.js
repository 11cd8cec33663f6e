/**
 * The feature map of a saved state: { name, dim, heads, features, options } in its header, and a section `map.NAME` for each tensor
 * that was given. Random maps are saved as their seed.
 */
import { asCorrupt, corrupt } from '../core/errors.js';
import { adoptMap, FeatureMap, sameMap } from './feature_map.js';
import { internal } from '../core/resident.js';
import { isScaledKind, MAP_KINDS } from './map_kinds.js';

export const mapFieldsOf = ({ name, dim, heads, features, options }) => ({ name, dim, heads, features, options });

export const mapSections = (map) => Object.entries(map[internal].arrays).map(([name, { data, shape }]) => ({ name: `map.${name}`, data, shape }));

/** Whether sums of the map that a header describes may overflow, what tensors it may have, and its options, with those that it leaves out. */
export function savedKind({ name, options }) {
  if (typeof name !== 'string' || !Object.hasOwn(MAP_KINDS, name)) throw corrupt('its feature map is of a kind that this version does not know');
  const row = MAP_KINDS[name];
  const settings = { ...row.since, ...options };
  return { scaled: isScaledKind(row, settings), arrays: Object.keys(row.arrays ?? {}), options: settings };
}

/**
 * The map that was saved: { name, dim, heads, options, arrays, features }. An equal one of the instance's own where there is
 * one, else a new one, which lives as long as some state holds it.
 */
export function restoreMap(core, { features, arrays, ...fields }) {
  const { name, dim, heads, options } = fields;
  const saved = { ...fields, features, [internal]: { arrays } };
  const equal = (map) => sameMap(map, saved) && sameMap(saved, map);
  const own = [...core.maps.values()].find(equal);
  if (own) return own;
  const map = asCorrupt(() => new FeatureMap(core, name, { ...options, ...arrays, dim, heads }, features));
  if (!equal(map)) {
    map.dispose();
    throw corrupt('its feature map holds more than one');
  }
  adoptMap(core, map, map);
  return map;
}
