/**
 * What a saved cache holds, in the layout of sections.js. Field: cache { batch, heads, dim, valueDim, maxLength, window,
 * sinks }, window null where there is none. Sections: keys [batch, heads, held, dim] and values [batch, heads, held,
 * valueDim], float32, held the most slots that a row uses and zeros behind the others; lengths and gaps [batch], float64: the
 * tokens that each row has seen, and how many of them it dropped behind its sinks.
 */
import { arrayFrom, newFloats } from '../core/arrays.js';
import { asCorrupt, corrupt } from '../core/errors.js';
import { checkBytes, copyBytes, isJsonObject, packSections, readSections, refuseRest, refuseUnknown, takeSection } from '../core/sections.js';
import { CACHE_OPTIONS, readCacheOptions, slotsOf } from './cache_options.js';

const PARTS = ['keys', 'values'];
const widthOf = (name, { dim, valueDim }) => (name === 'keys' ? dim : valueDim);

/** `read(part, row, count, floats, at)` writes `count` slots of a row of part 0 or 1, [heads, count, width], to floats. */
export function packCache(cache, lengths, gaps, read) {
  const { batch, heads } = cache;
  const used = arrayFrom(Float64Array, lengths, (length, b) => length - gaps[b]);
  const held = used.reduce((a, b) => Math.max(a, b), 0);
  const parts = PARTS.map((name, part) => {
    const width = widthOf(name, cache);
    const data = newFloats(batch * heads * held * width);
    const row = newFloats(heads * held * width);
    for (let b = 0; b < batch; b++) {
      read(part, b, used[b], row, 0);
      for (let h = 0; h < heads; h++) data.set(row.subarray(h * used[b] * width, (h + 1) * used[b] * width), (b * heads + h) * held * width);
    }
    return { name, data, shape: [batch, heads, held, width] };
  });
  const options = Object.fromEntries(CACHE_OPTIONS.map((name) => [name, cache[name]]));
  return packSections({ cache: options }, [...parts, { name: 'lengths', data: lengths, shape: [batch] }, { name: 'gaps', data: gaps, shape: [batch] }]);
}

/** { options, lengths, gaps, arrays, held } of saved bytes, compared with each other whole before anything is made of them. */
export function unpackCache(given) {
  const bytes = copyBytes(given);
  checkBytes(bytes, [3]);
  const { fields: { cache, ...others }, sections } = readSections(bytes);
  if (!isJsonObject(cache)) throw corrupt('its header does not describe a cache');
  refuseUnknown('header', others, []);
  refuseUnknown('cache', cache, CACHE_OPTIONS);
  if (!CACHE_OPTIONS.every((name) => Object.hasOwn(cache, name))) throw corrupt('its header leaves out an option of the cache');
  const options = asCorrupt(() => readCacheOptions(cache));
  const { batch, heads, sinks, window, maxLength } = options;
  const lengths = takeSection(sections, 'lengths', Float64Array, [batch]);
  const gaps = takeSection(sections, 'gaps', Float64Array, [batch]);
  const slots = slotsOf(options);
  let held = 0;
  lengths.forEach((length, b) => {
    const gap = gaps[b];
    if (![length, gap].every((count) => Number.isSafeInteger(count) && count >= 0) || length > maxLength) throw corrupt(`row ${b} has ${length} tokens without ${gap}`);
    // What a gap hides lies before everything that a query at the end sees.
    if (gap > 0 && (window === null || sinks + gap > length - window + 1)) throw corrupt(`row ${b} of ${length} tokens lacks ${gap} that it needs`);
    if (length - gap > slots) throw corrupt(`row ${b} holds ${length - gap} tokens, which do not fit`);
    held = Math.max(held, length - gap);
  });
  const arrays = PARTS.map((name) => takeSection(sections, name, Float32Array, [batch, heads, held, widthOf(name, options)]));
  refuseRest(sections);
  return { options: { ...options, window: window ?? undefined }, lengths, gaps, arrays, held };
}
