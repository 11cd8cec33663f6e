/**
 * The bytes of a saved feature map, little-endian: the length of a text (uint32), the text (JSON: name, dim, heads,
 * options, shapes of the given weights), and those weights as float32. Random maps are saved as their seed.
 */
import { corrupt } from '../core/errors.js';
import { FeatureMap } from './feature_map.js';
import { internal } from '../core/resident.js';
import { elements, sameShape } from '../core/validate.js';

export function packMap(map) {
  const arrays = Object.entries(map[internal].arrays);
  const { name, dim, heads, options } = map;
  const shapes = Object.fromEntries(arrays.map(([key, { shape }]) => [key, shape]));
  const text = new TextEncoder().encode(JSON.stringify({ name, dim, heads, options, shapes }));
  const floats = arrays.reduce((sum, [, { data }]) => sum + data.length, 0);
  const bytes = new Uint8Array(4 + text.length + floats * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, text.length, true);
  bytes.set(text, 4);
  let at = 4 + text.length;
  for (const [, { data }] of arrays) {
    for (const value of data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return bytes;
}

/** A new map of what packMap made; anything else is refused whole. */
export function unpackMap(core, bytes) {
  const { name, dim, heads, options, shapes, floats } = readParts(bytes);
  let map;
  try {
    map = new FeatureMap(core, name, { ...options, dim, heads, ...readArrays(shapes, floats) });
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw corrupt(`its feature map cannot be made: ${error.message}`);
    throw error;
  }
  if (!sameShape(packMap(map), bytes)) {
    map.dispose();
    throw corrupt('its feature map holds more than one');
  }
  return map;
}

function readParts(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes.length < 4 ? Infinity : view.getUint32(0, true);
  if (length > bytes.length - 4) throw corrupt('its feature map is cut off');
  let parts;
  try {
    parts = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(4, 4 + length)));
  } catch (error) {
    throw corrupt(`its feature map is not JSON: ${error.message}`);
  }
  return { ...parts, floats: bytes.slice(4 + length) };
}

/** The saved arrays by name; shapes that do not fit the floats leave some array short, which the map then refuses. */
function readArrays(shapes, floats) {
  const view = new DataView(floats.buffer);
  let at = 0;
  return Object.fromEntries(Object.entries(shapes ?? {}).map(([name, shape]) => {
    const length = Array.isArray(shape) ? elements(shape) : 0;
    const data = Float32Array.from({ length: Math.min(length, Math.floor((floats.length - at) / 4)) }, (_, i) => view.getFloat32(at + i * 4, true));
    at += data.length * 4;
    return [name, { data, shape }];
  }));
}
