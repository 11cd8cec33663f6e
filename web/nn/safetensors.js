/** The safetensors format (huggingface/safetensors, README "Format"): a header of JSON, then every tensor's bytes. */
import { AttentionError, describe, wrongKind } from '../core/errors.js';
import { isJsonObject } from '../core/sections.js';
import { isBuffer, kindOf, plainBytes } from '../core/views.js';
import { bytesOf, dtypeOf, MAX_HEADER, METADATA } from './dtypes.js';
import { findDuplicate } from './duplicates.js';

const malformed = (what, cause) => new AttentionError('malformed-file', `Not a safetensors file: ${what}`, { cause });
const isSize = (value) => Number.isSafeInteger(value) && value >= 0;

/** All bytes of the file, as a view of them that is nothing but that. */
function viewOf(file) {
  if (kindOf(file)) return plainBytes(file);
  const isView = ArrayBuffer.isView(file);
  if (!isView && !isBuffer(file)) throw wrongKind('file', 'an ArrayBuffer or a view of one', file);
  // Of a buffer that was handed over no view can be made.
  if (file.byteLength === 0) return new Uint8Array(0);
  return isView ? new Uint8Array(file.buffer, file.byteOffset, file.byteLength) : new Uint8Array(file);
}

/** What came instead of the file, where it is text: as a length, eight letters are a number past any header's. */
function recognise(bytes) {
  const text = new TextDecoder().decode(bytes.slice(0, 200)).trim();
  const page = /^<(!doctype|!--|html|head|body|\?xml)/i.exec(text);
  if (page) return `it is an ${page[1] === '?xml' ? 'XML' : 'HTML'} page, as servers send for a file that is not there or not for you to read: check the URL and response.ok`;
  if (text.startsWith('version https://git-lfs')) return 'it is a Git LFS pointer, which stands for the file: run git lfs pull, or download the file itself';
  return /^[\x20-\x7e\s]+$/.test(text) ? `it is text that begins ${describe(text)}` : undefined;
}

function readHeader(bytes) {
  const length = bytes.length < 8 ? Infinity : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER || length > bytes.length - 8) {
    const what = length > MAX_HEADER ? recognise(bytes) : undefined;
    throw malformed(what ?? (bytes.length < 8 ? `it has ${bytes.length} bytes, and the length of the header takes 8` : `its header should take ${length} bytes, and ${bytes.length - 8} follow`));
  }
  let header;
  let text;
  try {
    // A copy: some decoders refuse shared memory.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.slice(8, 8 + length));
    header = JSON.parse(text);
  } catch (cause) {
    throw malformed(`its header is not JSON (${cause.message})`, cause);
  }
  if (!isJsonObject(header)) throw malformed('its header is not an object');
  const twice = findDuplicate(text);
  if (twice !== undefined) throw malformed(`its header has the name ${describe(twice)} twice`);
  return { header, start: 8 + length };
}

function readMetadata(metadata = {}) {
  if (!isJsonObject(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) throw malformed(`${METADATA} must map names to strings`);
  return { ...metadata };
}

/** A tensor's description, with `begin` and `end` in bytes of the data. */
function readEntry(name, entry, room) {
  const where = `tensor ${describe(name)}`;
  if (!isJsonObject(entry)) throw malformed(`${where} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  const known = dtypeOf(dtype);
  if (!known) throw malformed(`${where} has the unknown dtype ${describe(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isSize)) throw malformed(`${where} has the shape ${describe(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) throw malformed(`${where} has the offsets ${describe(offsets)}`);
  const [begin, end] = offsets;
  if (begin > end || end > room) throw malformed(`${where} lies at bytes ${begin} to ${end} of ${room}`);
  const size = bytesOf(known, shape);
  if (size !== undefined && size !== end - begin) throw malformed(`${where} of shape ${describe(shape)} and dtype ${dtype} needs ${size} bytes and has ${end - begin}`);
  return { name, dtype, shape, begin, end, Kind: known.Kind };
}

/** The elements as a view of the file where they are aligned, else as a copy. */
function elementsAt(bytes, start, { Kind, begin, end }) {
  const offset = bytes.byteOffset + start + begin;
  if (offset % Kind.BYTES_PER_ELEMENT === 0) return new Kind(bytes.buffer, offset, (end - begin) / Kind.BYTES_PER_ELEMENT);
  return new Kind(bytes.slice(start + begin, start + end).buffer);
}

export function readSafetensors(file) {
  const bytes = viewOf(file);
  const { header, start } = readHeader(bytes);
  const room = bytes.length - start;
  const { [METADATA]: metadata, ...described } = header;
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
