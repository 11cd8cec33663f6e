/** The safetensors format (huggingface/safetensors, README "Format"): a header of JSON, then every tensor's bytes. */
import { AttentionError, describe, wrongKind } from '../core/errors.js';

/** The longest header that the format's own reader accepts. */
const MAX_HEADER = 100_000_000;
/** dtype to the array that its elements come in; 16-bit floats come as their bits. */
const ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

const malformed = (what, cause) => new AttentionError('malformed-file', `Not a safetensors file: ${what}`, { cause });
const isRecord = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const isSize = (value) => Number.isSafeInteger(value) && value >= 0;

function bytesOf(file) {
  if (file instanceof ArrayBuffer) return new Uint8Array(file);
  if (ArrayBuffer.isView(file)) return new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  throw wrongKind('file', 'an ArrayBuffer or a view of one', file);
}

function readHeader(bytes) {
  if (bytes.length < 8) throw malformed(`it has ${bytes.length} bytes, and the length of the header takes 8`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER || length > bytes.length - 8) throw malformed(`its header should take ${length} bytes, and ${bytes.length - 8} follow`);
  let header;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw malformed(`its header is not JSON (${cause.message})`, cause);
  }
  if (!isRecord(header)) throw malformed('its header is not an object');
  return { header, start: 8 + length };
}

function readMetadata(metadata = {}) {
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) throw malformed('__metadata__ must map names to strings');
  return { ...metadata };
}

/** A tensor's description, with `begin` and `end` in bytes of the data. */
function readEntry(name, entry, room) {
  const where = `tensor ${describe(name)}`;
  if (!isRecord(entry)) throw malformed(`${where} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(ARRAYS, dtype)) throw malformed(`${where} has the unknown dtype ${describe(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isSize)) throw malformed(`${where} has the shape ${describe(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) throw malformed(`${where} has the offsets ${describe(offsets)}`);
  const [begin, end] = offsets;
  if (begin > end || end > room) throw malformed(`${where} lies at bytes ${begin} to ${end} of ${room}`);
  const size = shape.reduce((product, axis) => product * axis, ARRAYS[dtype].BYTES_PER_ELEMENT);
  if (size !== end - begin) throw malformed(`${where} of shape ${describe(shape)} and dtype ${dtype} needs ${size} bytes and has ${end - begin}`);
  return { name, dtype, shape, begin, end };
}

/** The elements as a view of the file where they are aligned, else as a copy. */
function elementsAt(bytes, start, { dtype, begin, end }) {
  const kind = ARRAYS[dtype];
  const offset = bytes.byteOffset + start + begin;
  if (offset % kind.BYTES_PER_ELEMENT === 0) return new kind(bytes.buffer, offset, (end - begin) / kind.BYTES_PER_ELEMENT);
  return new kind(bytes.slice(start + begin, start + end).buffer);
}

export function readSafetensors(file) {
  const bytes = bytesOf(file);
  const { header, start } = readHeader(bytes);
  const room = bytes.length - start;
  const { __metadata__: metadata, ...described } = header;
  const entries = Object.entries(described).map(([name, entry]) => readEntry(name, entry, room));
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) throw malformed(`tensor ${describe(name)} ${begin < covered ? 'overlaps the one before' : 'leaves bytes unused before it'}`);
    covered = end;
  }
  if (covered !== room) throw malformed(`${room - covered} bytes follow the last tensor`);
  const tensors = new Map(entries.map((entry) => [entry.name, { dtype: entry.dtype, shape: entry.shape, data: elementsAt(bytes, start, entry) }]));
  return { metadata: readMetadata(metadata), tensors };
}
