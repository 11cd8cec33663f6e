/**
 * Keys and values of caches as they lie: a part for each of them, { pointer, slots, width }, [batch, heads, slots, width].
 * Nothing here allocates, so that nothing can fail halfway.
 */

/** Both parts of a cache that begins at `pointer`. */
export function partsOf(pointer, { batch, heads, dim, valueDim }, slots) {
  const keyFloats = batch * heads * slots * dim;
  return [{ pointer, slots, width: dim }, { pointer: pointer + keyFloats * 4, slots, width: valueDim }];
}

/** Floats of both. */
export const floatsOf = ({ batch, heads, dim, valueDim }, slots) => batch * heads * slots * (dim + valueDim);

const rowAt = ({ pointer, slots, width }, heads, b, h, slot) => (pointer >>> 2) + ((b * heads + h) * slots + slot) * width;

/** The la_array of a part. */
export const arrayOf = ({ pointer, slots, width }, heads) => ({ data: pointer, batch: heads * slots * width, head: slots * width, row: width });

/** Copies `count` slots of row `from.row`, from `from.slot` on, to those of row `to.row`; both may be of one part. */
export function copySlots(f32, heads, from, to, count) {
  for (let h = 0; h < heads; h++) {
    const source = rowAt(from.part, heads, from.row, h, from.slot);
    f32.copyWithin(rowAt(to.part, heads, to.row, h, to.slot), source, source + count * from.part.width);
  }
}

/** Copies tokens first … first + count − 1 of batch b of a placed la_array to slots from `slot` on. */
export function copyTokens(f32, heads, array, first, count, part, b, slot) {
  const { width } = part;
  for (let h = 0; h < heads; h++) {
    const source = (array.data >>> 2) + b * array.batch + h * array.head + first * array.row;
    const target = rowAt(part, heads, b, h, slot);
    if (array.row === width) f32.copyWithin(target, source, source + count * width);
    else for (let t = 0; t < count; t++) f32.copyWithin(target + t * width, source + t * array.row, source + t * array.row + width);
  }
}

/** `count` slots of row b, as floats [heads, count, width] in `floats` from `at` on; and back. */
export function readSlots(f32, heads, part, b, count, floats, at) {
  for (let h = 0; h < heads; h++) {
    const source = rowAt(part, heads, b, h, 0);
    floats.set(f32.subarray(source, source + count * part.width), at + h * count * part.width);
  }
}

export function writeSlots(f32, heads, part, b, count, floats, at) {
  for (let h = 0; h < heads; h++) f32.set(floats.subarray(at + h * count * part.width, at + (h + 1) * count * part.width), rowAt(part, heads, b, h, 0));
}
