/** Arguments of a call on their way to the Worker of linear-attention-wasm/worker. */
import { wrongKind } from '../core/errors.js';
import { isObject as isObjectLike } from '../core/lists.js';

const isList = (value) => isObjectLike(value) && Number.isInteger(value.length) && value.length >= 0;

/** Where an object that stands for one of a Worker keeps { connection, id }. */
export const handle = Symbol('handle');

/** Options of every call that the sending side takes for itself. */
const OWN_OPTIONS = ['signal', 'onProgress', 'transfer'];

const isObject = (value) => value !== null && typeof value === 'object';
const isBuffer = (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer;

export const isOptions = (value) => isObject(value) && !Array.isArray(value) && !isBuffer(value) && value[handle] === undefined && typeof value.then !== 'function' && !('data' in value);

/** Of a tensor-like, all that the other side looks at. */
function packTensor(parcel, value) {
  const { data, stride, offset } = value;
  const shape = value.shape ?? value.dims;
  return {
    data: packArray(parcel, data),
    shape: isList(shape) ? Array.from(shape) : shape,
    ...(stride !== undefined && { stride: isList(stride) ? Array.from(stride) : stride }),
    ...(offset !== undefined && { offset }),
  };
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
  if (isOptions(value)) return packOptions(parcel, value);
  return value.data === undefined ? value : packTensor(parcel, value);
}

function packOptions(parcel, options) {
  const { out } = options;
  const names = Object.keys(options).filter((name) => !OWN_OPTIONS.includes(name) && name !== 'out');
  const sent = Object.fromEntries(names.map((name) => [name, packValue(parcel, name, options[name])]));
  if (out instanceof Float32Array) sent.out = { floats: out.length };
  else if (out !== undefined) sent.out = packValue(parcel, 'out', out);
  return sent;
}

/**
 * What is sent for the arguments of the method `name`, and the buffers that go with it: with the option `transfer`, those
 * of the caller's tensors.
 */
export function pack(connection, name, args, { transfer, out }) {
  const parcel = { connection, hands: transfer === true, moved: new Set() };
  const sent = args.map((value, i) => (isBuffer(value) && !isShape(name, i) ? packArray(parcel, value) : packValue(parcel, `argument ${i + 1} of ${name}`, value)));
  if (parcel.moved.has(out?.buffer)) throw new RangeError('out must not share its buffer with an input that transfer hands over');
  return { sent, moved: [...parcel.moved] };
}

/** The error of a call whose arguments the engine could not copy, by our words; any other as it is. */
export function unsendable(name, error) {
  return error?.name === 'DataCloneError' ? new TypeError(`an argument of ${name} cannot be sent to the Worker: ${error.message}`) : error;
}
