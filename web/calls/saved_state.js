/**
 * The bytes of a saved state, little-endian:
 * "LASTATE" and the format version (8 bytes), then as float64 batch, heads, dim, valueDim, normalize, scale, eps and
 * length, the size in bytes of the feature map (uint32) and the map itself (saved_map.js), S, z and the exponents of the state as float32, and a
 * CRC-32 of all that.
 */
import { corrupt, wrongKind } from '../core/errors.js';
import { isScaled } from '../maps/feature_map.js';
import { packMap, unpackMap } from '../maps/saved_map.js';

const MAGIC = 'LASTATE';
const VERSION = 2;
const NUMBERS = ['batch', 'heads', 'dim', 'valueDim', 'normalize', 'scale', 'eps', 'length'];
const HEADER_BYTES = 8 + NUMBERS.length * 8 + 4;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** CRC-32 (IEEE 802.3). */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

export function packState(state, floats) {
  const map = packMap(state.featureMap);
  const start = HEADER_BYTES + map.length;
  const bytes = new Uint8Array(start + floats.length * 4 + 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
  bytes[MAGIC.length] = VERSION;
  NUMBERS.forEach((name, i) => view.setFloat64(8 + i * 8, Number(state[name]), true));
  view.setUint32(HEADER_BYTES - 4, map.length, true);
  bytes.set(map, HEADER_BYTES);
  for (let i = 0; i < floats.length; i++) view.setFloat32(start + i * 4, floats[i], true);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

export { corrupt };

/** { options, length, floats } of what packState made, with a new feature map; anything else is refused whole. */
export function unpackState(core, bytes) {
  if (!(bytes instanceof Uint8Array)) throw wrongKind('bytes', 'a Uint8Array', bytes);
  if (bytes.length < HEADER_BYTES + 4) throw corrupt(`${bytes.length} bytes are too few`);
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC.charCodeAt(i)) throw corrupt('it does not start with the format tag');
  if (bytes[MAGIC.length] !== VERSION) throw corrupt(`format version ${bytes[MAGIC.length]}, this library reads ${VERSION}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(bytes.length - 4, true) !== crc32(bytes.subarray(0, -4))) throw corrupt('its checksum does not match');
  const numbers = Object.fromEntries(NUMBERS.map((name, i) => [name, view.getFloat64(8 + i * 8, true)]));
  const { length, ...sizes } = numbers;
  if (!Number.isSafeInteger(length) || length < 0) throw corrupt(`its length is ${length}`);
  if (sizes.normalize !== 0 && sizes.normalize !== 1) throw corrupt(`normalize is ${sizes.normalize}`);
  const start = HEADER_BYTES + view.getUint32(HEADER_BYTES - 4, true);
  if (start > bytes.length - 4) throw corrupt('its feature map is cut off');
  const featureMap = unpackMap(core, bytes.subarray(HEADER_BYTES, start));
  const options = { ...sizes, normalize: sizes.normalize === 1, featureMap };
  const sums = sizes.batch * sizes.heads * featureMap.features;
  const count = sums * sizes.valueDim + (options.normalize ? sums : 0) + (isScaled(featureMap) ? sizes.batch * sizes.heads : 0);
  if (bytes.length !== start + count * 4 + 4) {
    featureMap.dispose();
    throw corrupt(`it has ${bytes.length} bytes, its sizes call for ${start + count * 4 + 4}`);
  }
  const floats = Float32Array.from({ length: count }, (_, i) => view.getFloat32(start + i * 4, true));
  return { options, length, floats };
}
