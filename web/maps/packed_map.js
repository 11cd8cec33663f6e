/** What a feature map is saved as: { name, dim, heads, features, options } in a header, and a section `map.NAME` for each tensor that was given. Random maps are saved as their seed. */
import { internal } from '../core/resident.js';
import { packSections } from '../core/sections.js';

export const mapFieldsOf = ({ name, dim, heads, features, options }) => ({ name, dim, heads, features, options });

export const mapSections = (map) => Object.entries(map[internal].arrays).map(([name, { data, shape }]) => ({ name: `map.${name}`, data, shape }));

/** The bytes of a map by itself. */
export const packMap = (map) => packSections({ map: mapFieldsOf(map) }, mapSections(map));
