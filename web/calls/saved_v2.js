/**
 * Reads what version 0.1.0 saved (layout 2). Little-endian: "LASTATE" and 2 (8 bytes); as float64 batch, heads, dim,
 * valueDim, normalize, scale, eps and length; the bytes of the feature map (uint32); the map; S, z and exponents as float32
 * without padding; CRC-32. The map: the length of a text (uint32), the text (JSON: name, dim, heads, options, shapes), and
 * the tensors of those shapes as float32.
 */
import { newArray } from '../core/arrays.js';
import { corrupt, describe } from '../core/errors.js';
import { savedKind } from '../maps/saved_map.js';
import { isJsonObject, parseJson } from '../core/sections.js';
import { elements } from '../core/validate.js';

const NUMBERS = ['batch', 'heads', 'dim', 'valueDim', 'normalize', 'scale', 'eps', 'length'];
const NUMBERS_AT = 8;
const MAP_SIZE_AT = NUMBERS_AT + NUMBERS.length * 8;
const MAP_AT = MAP_SIZE_AT + 4;
const CRC_BYTES = 4;

/** Takes float32 tensors one after another from bytes that may lie anywhere, and never more than there are. */
function floatReader(bytes) {
  let at = 0;
  return {
    left: () => bytes.length - at,
    take(shape) {
      const length = elements(shape);
      if (!(length >= 0 && length * 4 <= bytes.length - at)) throw corrupt(`an array of shape ${describe(shape)} is cut off`);
      at += length * 4;
      return { data: new Float32Array(bytes.slice(at - length * 4, at).buffer), shape, required: true };
    },
  };
}

/** { fields, sections } as readSections gives them. */
export function readVersion2(bytes) {
  const view = new DataView(bytes.buffer);
  if (bytes.length < MAP_AT + CRC_BYTES) throw corrupt(`${bytes.length} bytes are too few`);
  const { length, normalize, ...sizes } = Object.fromEntries(NUMBERS.map((name, i) => [name, view.getFloat64(NUMBERS_AT + i * 8, true)]));
  if (normalize !== 0 && normalize !== 1) throw corrupt(`normalize is ${normalize}`);
  const end = MAP_AT + view.getUint32(MAP_SIZE_AT, true);
  if (end > bytes.length - CRC_BYTES) throw corrupt('its feature map is cut off');
  const { map, sections } = readMap(bytes.subarray(MAP_AT, end));
  const { scaled } = savedKind(map);
  const { batch, heads, valueDim } = sizes;
  const floats = floatReader(bytes.subarray(end, -CRC_BYTES));
  if (![batch, heads, valueDim].every((size) => Number.isSafeInteger(size) && size >= 1)) throw corrupt(`its sizes are ${batch}, ${heads} and ${valueDim}`);
  const features = (floats.left() / 4 / (batch * heads) - (scaled ? 1 : 0)) / (valueDim + normalize);
  if (!Number.isSafeInteger(features) || features < 1) throw corrupt(`${floats.left()} bytes do not fit its sizes`);
  sections.set('S', floats.take([batch, heads, features, valueDim]));
  if (normalize) sections.set('z', floats.take([batch, heads, features]));
  if (scaled) sections.set('exponents', floats.take([batch, heads]));
  if (floats.left() > 0) throw corrupt(`it has ${floats.left()} bytes more than its sizes call for`);
  sections.set('lengths', { data: newArray(Float64Array, batch).fill(length), shape: [batch], required: true });
  return { fields: { state: { ...sizes, normalize: normalize === 1 }, map: { ...map, features } }, sections };
}

function readMap(bytes) {
  const length = bytes.length < 4 ? Infinity : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (length > bytes.length - 4) throw corrupt('its feature map is cut off');
  const { shapes, ...map } = parseJson('feature map', bytes.subarray(4, 4 + length));
  if (!isJsonObject(shapes)) throw corrupt('its feature map has no shapes');
  const floats = floatReader(bytes.subarray(4 + length));
  const sections = new Map();
  for (const [name, shape] of Object.entries(shapes)) {
    if (!Array.isArray(shape) || !shape.every(Number.isSafeInteger)) throw corrupt('its feature map has a malformed shape');
    sections.set(`map.${name}`, floats.take(shape));
  }
  if (floats.left() > 0) throw corrupt('its feature map holds more than its tensors');
  return { map, sections };
}
