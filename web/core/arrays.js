/** Typed arrays of a length that a caller chose: where the engine has no memory for one, that is 'out-of-memory'. */
import { AttentionError } from './errors.js';

export const outOfMemory = (bytes, where, cause) => new AttentionError('out-of-memory', `Could not allocate ${bytes} bytes of ${where} memory`, { cause });

/** `length` zeros. */
export function newArray(Kind, length) {
  try {
    return new Kind(length);
  } catch (cause) {
    if (cause instanceof RangeError) throw outOfMemory(length * Kind.BYTES_PER_ELEMENT, 'JavaScript', cause);
    throw cause;
  }
}

export const newFloats = (length) => newArray(Float32Array, length);

/** f(x, index) of every number. */
export function arrayFrom(Kind, numbers, f = (x) => x) {
  const array = newArray(Kind, numbers.length);
  for (let i = 0; i < array.length; i++) array[i] = f(numbers[i], i);
  return array;
}

export const floatsFrom = (numbers, f) => arrayFrom(Float32Array, numbers, f);

/** A plain typed array once more. */
export function copyOf(array) {
  const copy = newArray(array.constructor, array.length);
  copy.set(array);
  return copy;
}
