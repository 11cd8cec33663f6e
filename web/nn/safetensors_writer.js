/** The writer of the safetensors format: the bytes that the reference implementation makes of the same tensors. */
import { newArray } from '../core/arrays.js';
import { describe, wrongKind, wrongValue } from '../core/errors.js';
import { asTheyAre, optionTakers, readShape, readTensor, takeOptions } from '../core/given.js';
import { isMap, isRecord } from '../core/kinds.js';
import { isResident, residentMemory } from '../core/resident.js';
import { Tensor } from '../core/tensor.js';
import { kindOf, plainBytes } from '../core/views.js';
import { bytesOf, DTYPES, dtypeOf, MAX_HEADER, METADATA } from './dtypes.js';

const OPTIONS = optionTakers(asTheyAre('tensors', 'metadata'));

/** The dtype of a tensor that names none, by its array. */
const DEFAULTS = new Map(Object.entries({
  Float64Array: 'F64', Float32Array: 'F32', Float16Array: 'F16',
  BigInt64Array: 'I64', Int32Array: 'I32', Int16Array: 'I16', Int8Array: 'I8',
  BigUint64Array: 'U64', Uint32Array: 'U32', Uint16Array: 'U16', Uint8Array: 'U8',
}));
const ORDER = [...DTYPES.keys()];
const encoder = new TextEncoder();

/** Half of a surrogate pair has no UTF-8. */
function requireWellFormed(name, text) {
  if (/\p{Surrogate}/u.test(text)) throw wrongValue(name, 'well-formed Unicode', text);
}

function takeName(name) {
  if (typeof name !== 'string') throw wrongKind('names of tensors', 'strings', name);
  if (name === METADATA) throw wrongValue('names of tensors', `other than "${METADATA}", which holds metadata`, name);
  requireWellFormed('names of tensors', name);
  return name;
}

/** All that counts of a tensor: what the caller may yet change are its elements alone. */
function takeStored(name, tensor) {
  const where = `tensors[${describe(name)}]`;
  if (isResident(tensor, Tensor)) residentMemory(where, tensor);
  const raw = readTensor(where, tensor);
  const { data } = raw;
  const kind = kindOf(data);
  const dtype = raw.dtype ?? DEFAULTS.get(kind) ?? 'F32';
  const known = dtypeOf(dtype);
  if (!known) throw wrongValue(`${where}.dtype`, 'a name of the format, such as F32', dtype);
  if (kind !== known.Kind.name && !(kind === 'Float16Array' && dtype === 'F16')) throw wrongKind(`${where}.data`, `a ${known.Kind.name}`, data);
  return { name, where, dtype, known, data, shape: readShape(raw) };
}

function requireSize({ where, dtype, known, data, shape }) {
  const size = bytesOf(known, shape);
  if (size === undefined) return;
  if (!Number.isInteger(size)) throw wrongValue(`${where}.shape`, `of whole bytes, as dtype ${dtype} has ${known.bits} bits an element`, shape);
  if (plainBytes(data).length !== size) throw wrongValue(`${where}.data`, `of ${size} bytes for shape [${shape.join(', ')}] and dtype ${dtype}`, data);
}

function takeMetadata(metadata) {
  if (!isRecord(metadata)) throw wrongKind('metadata', 'an object of strings', metadata);
  return Object.keys(metadata).map((name) => {
    const value = metadata[name];
    if (typeof value !== 'string') throw wrongKind(`metadata[${describe(name)}]`, 'a string', value);
    requireWellFormed('names of metadata', name);
    requireWellFormed(`metadata[${describe(name)}]`, value);
    return [name, value];
  });
}

/** As the bytes of their UTF-8 compare. */
function compareNames(a, b) {
  const [x, y] = [encoder.encode(a), encoder.encode(b)];
  const at = x.findIndex((byte, i) => byte !== y[i]);
  return at < 0 ? x.length - y.length : x[at] - (y[at] ?? -1);
}

/** Wide dtypes first, so that every tensor is aligned; those to come, of unknown width, last. */
const compareTensors = (a, b) => ORDER.indexOf(b.dtype) - ORDER.indexOf(a.dtype) || compareNames(a.name, b.name);

const member = (name, value) => `${JSON.stringify(name)}:${value}`;
const object = (members) => `{${members.join(',')}}`;

/** The header, padded with spaces so that the data behind it begins at a multiple of 8. */
function headerOf(tensors, metadata) {
  let end = 0;
  const members = tensors.map(({ name, dtype, shape, bytes }) => member(name, JSON.stringify({ dtype, shape, data_offsets: [end, (end += bytes.length)] })));
  if (metadata.length > 0) members.unshift(member(METADATA, object(metadata.map(([name, value]) => member(name, JSON.stringify(value))))));
  const text = encoder.encode(object(members));
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER) throw wrongValue('tensors', `of a header of at most ${MAX_HEADER} bytes`, length);
  return { text, length };
}

export function writeSafetensors(options) {
  const { tensors, metadata = {} } = takeOptions('writeSafetensors', options, OPTIONS);
  if (!isMap(tensors) && !isRecord(tensors)) throw wrongKind('tensors', 'a Map or an object of tensors', tensors);
  const given = isMap(tensors) ? [...tensors] : Object.keys(tensors).map((name) => [name, tensors[name]]);
  const taken = given.map(([name, tensor]) => takeStored(takeName(name), tensor));
  const strings = takeMetadata(metadata);
  taken.forEach(requireSize);
  const sorted = taken.map((one) => ({ ...one, bytes: plainBytes(one.data) })).sort(compareTensors);
  const { text, length } = headerOf(sorted, strings);
  const file = newArray(Uint8Array, sorted.reduce((sum, { bytes }) => sum + bytes.length, 8 + length));
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(32, 8, 8 + length);
  file.set(text, 8);
  let at = 8 + length;
  for (const { bytes } of sorted) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}
