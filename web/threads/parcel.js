/** Arguments of a call on their way to the Worker of linear-attention-wasm/worker. Each property of the caller's is read once. */
import { wrongKind } from '../core/errors.js';
import { refuseElsewhere } from '../core/foreign.js';
import { TENSOR } from '../core/given.js';
import { isRecord } from '../core/kinds.js';
import { elementsOf, isObject, MAX_RANK } from '../core/lists.js';
import { handle, requireInstance } from '../core/resident.js';
import { bufferOf, byteLengthOf, isBuffer, isOwnBuffer, kindOf, lengthOf, plainBytes } from '../core/views.js';

/** Options of every call that the sending side takes for itself. */
const OWN_OPTIONS = ['signal', 'onProgress', 'transfer'];

/** Beside data and shape, what the other side looks at in a tensor-like: how its elements lie. Methods of these names tell nothing. */
const ORDER = ['stride', 'strides', 'offset', 'order', 'fortranOrder'];

/** And how they are stored. */
const STORED = ['dtype', 'type'];

/** Elements of what is like a list but no array: more than any call takes. */
const MAX_LIST = 2 ** 24;

const isList = ({ length }) => Number.isInteger(length) && length >= 0;

/** A plain copy of an object that gives options, or null for what gives none: what has a kind of its own the other side refuses by that. */
export function readOptions(value) {
  if (!isRecord(value) || value[handle] !== undefined || 'data' in value || typeof value.then === 'function' || isList(value)) return null;
  const names = [];
  for (const name in value) names.push(name);
  return Object.fromEntries(names.map((name) => [name, value[name]]));
}

/** Views of part of a buffer are sent without the rest of it; arrays whose buffer is gone cannot be sent, but seem empty. */
function packArray({ moved, hands }, data) {
  const kind = kindOf(data);
  if (!kind || !isOwnBuffer(bufferOf(data))) return data;
  if (byteLengthOf(data) === 0) return new globalThis[kind](0);
  if (hands) {
    moved.add(bufferOf(data));
    return data;
  }
  if (byteLengthOf(data) === bufferOf(data).byteLength) return data;
  const { buffer } = plainBytes(data).slice();
  moved.add(buffer);
  return new globalThis[kind](buffer);
}

/**
 * A list as a plain array, each element read once. What is longer than `most` without being an array keeps its length
 * alone, by which the other side refuses it. Anything else as it is.
 */
function packList(parcel, value, most = MAX_LIST) {
  if (!isObject(value)) return value;
  if (kindOf(value)) return packArray({ ...parcel, hands: false }, value);
  const { length } = value;
  if (!isList({ length })) return value;
  if (length > most) return Array.isArray(value) ? value : { length };
  return elementsOf({ list: value, length });
}

/** Of a tensor-like, all that the other side looks at. */
function packTensor(parcel, where, value, data) {
  if (!kindOf(data)) refuseElsewhere(where, value, TENSOR);
  const sent = { data: kindOf(data) ? packArray(parcel, data) : packList(parcel, data), shape: packList(parcel, value.shape ?? value.dims, MAX_RANK) };
  for (const name of ORDER) {
    const told = value[name];
    if (told !== undefined && typeof told !== 'function') sent[name] = packList(parcel, told, MAX_RANK);
  }
  for (const name of STORED) {
    const told = value[name];
    if (typeof told === 'string') sent[name] = told;
  }
  return sent;
}

/** tensor() takes a shape first, which is never handed over. */
const isShape = (name, i) => name === 'tensor' && i === 0;

function packValue(parcel, where, value) {
  if (typeof value === 'function' || typeof value === 'symbol') throw wrongKind(where, 'something that can be sent to the Worker', value);
  if (!isObject(value)) return value;
  const { [handle]: known } = value;
  if (known) {
    requireInstance(where, known.connection, parcel.connection);
    return { handle: known.id };
  }
  if (typeof value.then === 'function') throw wrongKind(where, 'what a promise gives: await it first', value);
  const options = readOptions(value);
  if (options) return packOptions(parcel, options);
  const { data } = value;
  return data === undefined ? packElements(parcel, where, packList(parcel, value)) : packTensor(parcel, where, value, data);
}

/** Of a list of tensors each by itself; of numbers, of which there may be many, none is looked at. */
function packElements(parcel, where, list) {
  if (!Array.isArray(list) || !isObject(list[0]) || Array.isArray(list[0])) return list;
  return list.map((one, i) => packValue(parcel, `${where}[${i}]`, one));
}

function packOptions(parcel, { out, ...options }) {
  const names = Object.keys(options).filter((name) => !OWN_OPTIONS.includes(name));
  const sent = Object.fromEntries(names.map((name) => [name, packValue(parcel, name, options[name])]));
  if (kindOf(out) === 'Float32Array') sent.out = { floats: lengthOf(out) };
  else if (out !== undefined) sent.out = packValue(parcel, 'out', out);
  return sent;
}

/**
 * What is sent for the arguments of the method `name`, and the buffers that go with it: with the option `transfer`, those
 * of the caller's tensors. The last argument may be what readOptions gave, `options`.
 */
export function pack(connection, name, args, options) {
  const { transfer, out } = options ?? {};
  const parcel = { connection, hands: transfer === true, moved: new Set() };
  const sent = args.map((value, i) => {
    if (value === options && options) return packOptions(parcel, options);
    return (ArrayBuffer.isView(value) || isBuffer(value)) && !isShape(name, i) ? packArray(parcel, value) : packValue(parcel, `argument ${i + 1} of ${name}`, value);
  });
  if (kindOf(out) && parcel.moved.has(bufferOf(out))) throw new RangeError('out must not share its buffer with an input that transfer hands over');
  return { sent, moved: [...parcel.moved] };
}

/** What is sent for named values after the call itself, and the buffers that go with it: with `hands`, those of the tensors. */
export function packNamed(connection, where, values, hands) {
  const parcel = { connection, hands, moved: new Set() };
  const sent = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, packValue(parcel, `${where}.${name}`, value)]));
  return { sent, moved: [...parcel.moved] };
}

/** The error of a call whose arguments the engine could not copy, by our words; any other as it is. */
export function unsendable(name, error) {
  return error?.name === 'DataCloneError' ? new TypeError(`an argument of ${name} cannot be sent to the Worker: ${error.message}`) : error;
}
