/**
 * What a typed array is, by the getters that every typed array inherits: a property that a caller put on the array, or
 * on a class of its own, does not count, and nothing of the caller's runs. Arrays of another realm are as good.
 */
const { prototype } = Object.getPrototypeOf(Float32Array);
const { call } = Function.prototype;
const getter = (name) => call.bind(Object.getOwnPropertyDescriptor(prototype, name).get);

/** 'Float32Array', …, or undefined for what is no typed array, a proxy of one included. */
export const kindOf = getter(Symbol.toStringTag);
/** 0 once the buffer was detached, or shrank so that the array no longer fits. */
export const lengthOf = getter('length');
export const bufferOf = getter('buffer');
export const byteOffsetOf = getter('byteOffset');
export const byteLengthOf = getter('byteLength');

/** A Float32Array over the same floats that is nothing but that. */
export function plainFloats(array) {
  const length = lengthOf(array);
  return length === 0 ? new Float32Array(0) : new Float32Array(bufferOf(array), byteOffsetOf(array), length);
}

/** A Uint8Array over the same bytes that is nothing but that. */
export function plainBytes(array) {
  const length = byteLengthOf(array);
  return length === 0 ? new Uint8Array(0) : new Uint8Array(bufferOf(array), byteOffsetOf(array), length);
}

/** Whether it is an object of this class of buffers, ArrayBuffer or SharedArrayBuffer, where there is one. */
function isOf(Kind, value) {
  try {
    Reflect.apply(Object.getOwnPropertyDescriptor(Kind.prototype, 'byteLength').get, value, []);
    return true;
  } catch {
    return false;
  }
}

export const isOwnBuffer = (value) => isOf(ArrayBuffer, value);
/** Pages that are not isolated have no name for shared ones. */
export const isBuffer = (value) => isOwnBuffer(value) || isOf(globalThis.SharedArrayBuffer, value);
