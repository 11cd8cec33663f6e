/** Arguments of a call on their way to the Worker of linear-attention-wasm/worker. Each property of the caller's is read once. */
import { wrongKind } from '../core/errors.js';
import { isObject as isObjectLike } from '../core/lists.js';

const isList = (value) => isObjectLike(value) && Number.isInteger(value.length) && value.length >= 0;

/** Where an object that stands for one of a Worker keeps { connection, id }. */
export const handle = Symbol('handle');

/** Options of every call that the sending side takes for itself. */
const OWN_OPTIONS = ['signal', 'onProgress', 'transfer'];

/** Beside data and shape, what the other side looks at in a tensor-like: how its elements lie. Methods of these names tell nothing. */
const ORDER = ['stride', 'strides', 'offset', 'order', 'fortranOrder'];

const isObject = (value) => value !== null && typeof value === 'object';
const isBuffer = (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

/** An object of named values: no array, map, date or other thing that the other side should refuse by its kind. */
const isRecord = (value) => isObject(value) && Object.prototype.toString.call(value) === '[object Object]';

/** A plain copy of an object that gives options, or null for what gives none. */
export function readOptions(value) {
  if (!isRecord(value) || value[handle] !== undefined || 'data' in value || typeof value.then === 'function') return null;
  const names = [];
  for (const name in value) names.push(name);
  return Object.fromEntries(names.map((name) => [name, value[name]]));
}

/** Views of part of a buffer are sent without the rest of it; arrays whose buffer is gone cannot be sent, but seem empty. */
function packArray({ moved, hands }, data) {
  if (!ArrayBuffer.isView(data) || !(data.buffer instanceof ArrayBuffer)) return data;
  if (data.byteLength === 0 && data instanceof Float32Array) return new Float32Array(0);
  if (hands) {
    moved.add(data.buffer);
    return data;
  }
  if (data.byteLength === data.buffer.byteLength) return data;
  const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  moved.add(bytes);
  return new (data instanceof Uint8Array ? Uint8Array : data.constructor)(bytes);
}

const plainList = (value) => (isList(value) ? Array.from(value) : value);

/** Of a tensor-like, all that the other side looks at. */
function packTensor(parcel, value, data) {
  const sent = { data: packArray(parcel, data), shape: plainList(value.shape ?? value.dims) };
  for (const name of ORDER) {
    const told = value[name];
    if (told !== undefined && typeof told !== 'function') sent[name] = plainList(told);
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
    if (known.connection !== parcel.connection) throw new RangeError(`${where} must belong to this attention instance, got one of another instance`);
    return { handle: known.id };
  }
  if (typeof value.then === 'function') throw wrongKind(where, 'what a promise gives: await it first', value);
  const options = readOptions(value);
  if (options) return packOptions(parcel, options);
  const { data } = value;
  return data === undefined ? value : packTensor(parcel, value, data);
}

function packOptions(parcel, { out, ...options }) {
  const names = Object.keys(options).filter((name) => !OWN_OPTIONS.includes(name));
  const sent = Object.fromEntries(names.map((name) => [name, packValue(parcel, name, options[name])]));
  if (out instanceof Float32Array) sent.out = { floats: out.length };
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
    return isBuffer(value) && !isShape(name, i) ? packArray(parcel, value) : packValue(parcel, `argument ${i + 1} of ${name}`, value);
  });
  if (parcel.moved.has(out?.buffer)) throw new RangeError('out must not share its buffer with an input that transfer hands over');
  return { sent, moved: [...parcel.moved] };
}

/** The error of a call whose arguments the engine could not copy, by our words; any other as it is. */
export function unsendable(name, error) {
  return error?.name === 'DataCloneError' ? new TypeError(`an argument of ${name} cannot be sent to the Worker: ${error.message}`) : error;
}
