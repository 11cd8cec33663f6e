/** Lists of the caller's: arrays, typed arrays and what is like one, their length read once and each element once. */
import { wrongKind } from './errors.js';
import { checkInteger } from './validate.js';
import { kindOf, lengthOf } from './views.js';

export const MAX_RANK = 32;

/** A proxy that was revoked throws at every look. */
function isRevoked(value) {
  try {
    Array.isArray(value);
    return false;
  } catch {
    return true;
  }
}

export const isObject = (value) => value !== null && typeof value === 'object' && !isRevoked(value);

/** Whether `for await` reads it. */
export const isIterable = (value) => isObject(value) && (value[Symbol.asyncIterator] !== undefined || value[Symbol.iterator] !== undefined);

/** What only looks like a list may throw when it is asked how long it is. */
function readLength(name, value, expected) {
  try {
    return value.length;
  } catch (cause) {
    throw new TypeError(`${name} must be ${expected}, got an object whose length cannot be read: ${cause?.message}`, { cause });
  }
}

/** { name, list, length } of an array, a typed array or what is like one; its elements are read by `elementsOf`. */
export function takeList(name, value, expected = 'an array of integers') {
  if (!isObject(value)) throw wrongKind(name, expected, value);
  if (kindOf(value)) return { name, list: value, length: lengthOf(value) };
  const length = readLength(name, value, expected);
  if (!Number.isInteger(length) || length < 0) throw wrongKind(name, expected, value);
  return { name, list: value, length };
}

/** The elements of a list whose length was found to be what is needed; with `convert`, each as it says. */
export function elementsOf({ list, length }, convert = (x) => x) {
  const elements = new Array(length);
  for (let i = 0; i < length; i++) elements[i] = convert(list[i], i);
  return elements;
}

/** Sizes may come as 64-bit integers. */
export const asNumber = (value) => (typeof value === 'bigint' ? Number(value) : value);

/** A shape as a plain array of integers ≥ 0. */
export function takeShape(name, value) {
  const given = takeList(name, value);
  if (given.length > MAX_RANK) throw wrongKind(name, `an array of at most ${MAX_RANK} integers`, value);
  return elementsOf(given, (given, axis) => {
    const size = asNumber(given);
    return Number.isSafeInteger(size) && size >= 0 ? size : checkInteger(`${name}[${axis}]`, size, 0, Number.MAX_SAFE_INTEGER);
  });
}
