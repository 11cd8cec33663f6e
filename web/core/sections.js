/**
 * The layout of saved states, caches and feature maps: a header of JSON, then named arrays. Little-endian.
 *
 *   bytes 0 to 6    "LASTATE"
 *   byte 7          version of this layout: 3
 *   bytes 8 to 11   N, uint32; 12 + N is a multiple of 8
 *   N bytes         header, JSON in UTF-8 and spaces behind it: { …fields,
 *                   sections: [{ name, dtype, shape, offset, bytes, required }] }
 *   then            the sections in that order, row-major, each filled up with zeros to a multiple of 8 bytes; `offset`
 *                   counts from byte 12 + N; dtype is F32 (float32) or F64 (float64)
 *   last 4 bytes    CRC-32 (IEEE 802.3) of all bytes before
 *
 * What a reader does not know it refuses; only sections that say `required: false` it passes over. So later versions can
 * add sections, and need another version of the layout only for another layout.
 */
import { newArray } from './arrays.js';
import { AttentionError, corrupt, describe, wrongKind } from './errors.js';
import { elements, sameShape } from './validate.js';
import { kindOf } from './views.js';

const MAGIC = 'LASTATE';
const VERSION = 3;
const TAG_BYTES = 8;
const HEADER_AT = TAG_BYTES + 4;
const CRC_BYTES = 4;
const ALIGNMENT = 8;
const ARRAYS = { F32: Float32Array, F64: Float64Array };

const aligned = (bytes) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
export const isJsonObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[i]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

const dtypeOf = (data) => Object.keys(ARRAYS).find((dtype) => data instanceof ARRAYS[dtype]);

/** The bytes of fields (what JSON can say) and of sections: [{ name, data, shape, required }]. */
export function packSections(fields, sections) {
  let end = 0;
  const table = sections.map(({ name, data, shape, required = true }) => {
    const offset = end;
    end = aligned(offset + data.byteLength);
    return { name, dtype: dtypeOf(data), shape, offset, bytes: data.byteLength, required };
  });
  const text = new TextEncoder().encode(JSON.stringify({ ...fields, sections: table }));
  const start = aligned(HEADER_AT + text.length);
  const bytes = newArray(Uint8Array, start + end + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
  bytes[MAGIC.length] = VERSION;
  view.setUint32(TAG_BYTES, start - HEADER_AT, true);
  bytes.fill(0x20, HEADER_AT, start);
  bytes.set(text, HEADER_AT);
  table.forEach(({ offset, bytes: size }, i) => {
    const { buffer, byteOffset } = sections[i].data;
    bytes.set(new Uint8Array(buffer, byteOffset, size), start + offset);
  });
  view.setUint32(bytes.length - CRC_BYTES, crc32(bytes.subarray(0, -CRC_BYTES)), true);
  return bytes;
}

/** A copy, which begins at a multiple of 8 and which nobody else can change. */
export function copyBytes(bytes) {
  if (kindOf(bytes) !== 'Uint8Array') throw wrongKind('bytes', 'a Uint8Array', bytes);
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    if (cause instanceof RangeError) throw new AttentionError('out-of-memory', 'Could not allocate JavaScript memory for a copy of bytes', { cause });
    throw new TypeError('bytes must be a Uint8Array whose buffer is not detached', { cause });
  }
}

/** The version of the layout, by the tag in front, of bytes whose checksum is right. */
export function checkBytes(bytes, known) {
  if (bytes.length < HEADER_AT + CRC_BYTES) throw corrupt(`${bytes.length} bytes are too few`);
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC.charCodeAt(i)) throw corrupt('it does not start with the format tag');
  const version = bytes[MAGIC.length];
  if (!known.includes(version)) throw corrupt(`format version ${version}, this library reads ${known.join(' and ')}`);
  const sum = new DataView(bytes.buffer).getUint32(bytes.length - CRC_BYTES, true);
  if (sum !== crc32(bytes.subarray(0, -CRC_BYTES))) throw corrupt('its checksum does not match');
  return version;
}

export function parseJson(what, bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw corrupt(`its ${what} is not JSON: ${error.message}`);
  }
  if (!isJsonObject(value)) throw corrupt(`its ${what} is not an object`);
  return value;
}

/** { fields, sections } of what packSections made, sections by name: { data, shape, required }; data views `bytes`, which start at a multiple of 8. */
export function readSections(bytes) {
  const start = HEADER_AT + new DataView(bytes.buffer).getUint32(TAG_BYTES, true);
  const room = bytes.length - CRC_BYTES - start;
  if (room < 0 || start % ALIGNMENT !== 0) throw corrupt(`its header takes ${start - HEADER_AT} bytes of ${bytes.length}`);
  const { sections: table, ...fields } = parseJson('header', bytes.subarray(HEADER_AT, start));
  if (!Array.isArray(table)) throw corrupt('it has no table of sections');
  const sections = new Map();
  let end = 0;
  for (const entry of table) {
    const { name, size } = checkEntry(entry, end, room);
    if (sections.has(name)) throw corrupt(`it has two sections ${describe(name)}`);
    end = aligned(end + size);
    sections.set(name, { ...entry, data: viewOf(bytes, start, entry) });
  }
  if (end !== room) throw corrupt(`its sections end at byte ${end} of ${room}`);
  return { fields, sections };
}

function checkEntry(entry, end, room) {
  if (!isJsonObject(entry)) throw corrupt('its table of sections does not hold objects');
  const { name, dtype, shape, offset, bytes: size, required } = entry;
  const wellFormed = typeof name === 'string' && typeof dtype === 'string' && typeof required === 'boolean' && Array.isArray(shape) && shape.every(isCount) && isCount(size);
  if (!wellFormed) throw corrupt('an entry of its table of sections is malformed');
  if (offset !== end || size > room - end) throw corrupt(`its section ${describe(name)} of ${size} bytes does not lie at byte ${end} of ${room}`);
  return { name, size };
}

/** The elements of a section; null where an optional one has a dtype that this version does not know. */
function viewOf(bytes, start, { name, dtype, shape, offset, bytes: size, required }) {
  if (!Object.hasOwn(ARRAYS, dtype)) {
    if (required) throw corrupt(`its section ${describe(name)} has a dtype that this version does not know`);
    return null;
  }
  const kind = ARRAYS[dtype];
  const length = elements(shape);
  if (length * kind.BYTES_PER_ELEMENT !== size) throw corrupt(`its section ${describe(name)} of shape ${describe(shape)} has ${size} bytes`);
  return new kind(bytes.buffer, start + offset, length);
}

/** Refuses fields that this version does not know. */
export function refuseUnknown(where, record, known) {
  for (const name of Object.keys(record)) if (!known.includes(name)) throw corrupt(`its ${where} has a field ${describe(name)}, which this version does not know`);
}

/** The elements of a section that has to be there, an array of this kind and shape; it is taken out of `sections`. */
export function takeSection(sections, name, Kind, shape) {
  const section = sections.get(name);
  if (!(section?.data instanceof Kind) || !sameShape(section.shape, shape)) throw corrupt(`it has no section '${name}' of shape [${shape.join(', ')}]`);
  sections.delete(name);
  return section.data;
}

/** Refuses sections that nobody took, but for those that are not required. */
export function refuseRest(sections) {
  for (const [name, { required }] of sections) if (required) throw corrupt(`it has a section ${describe(name)}, which this version does not know`);
}
