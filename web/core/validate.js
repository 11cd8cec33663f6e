/** Checks of single values that were read already; none of them runs anything of the caller's. */
import { wrongKind, wrongValue } from './errors.js';

/** LA_MAX_DIM and LA_MAX_VALUE_DIM. */
export const MAX_DIM = 1024;
export const MAX_VALUE_DIM = 8192;

/** Sizes are 32-bit integers in the core. */
export const MAX_SIZE = 2 ** 31 - 1;

export function checkBoolean(name, value, fallback) {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw wrongKind(name, 'a boolean', value);
  return value;
}

/** A finite number that float32 can hold. */
export function checkNumber(name, value, fallback) {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw wrongKind(name, 'a number', value);
  if (!Number.isFinite(Math.fround(value))) throw wrongValue(name, 'a finite float32 number', value);
  return value;
}

export function checkNonNegative(name, value, fallback) {
  const number = checkNumber(name, value, fallback);
  if (number < 0) throw wrongValue(name, 'at least 0', value);
  return number;
}

export function checkInteger(name, value, low, high, fallback) {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'number') throw wrongKind(name, 'an integer', value);
  if (!Number.isInteger(value) || value < low || value > high) throw wrongValue(name, `an integer from ${low} to ${high}`, value);
  return value;
}

const listed = (choices) => `one of ${choices.map((choice) => `'${choice}'`).join(', ')}`;

export function checkOneOf(name, value, choices, fallback) {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'string') throw wrongKind(name, listed(choices), value);
  if (!choices.includes(value)) throw wrongValue(name, listed(choices), value);
  return value;
}

export const elements = (shape) => shape.reduce((product, size) => product * size, 1);

export const sameShape = (a, b) => a.length === b.length && a.every((size, axis) => size === b[axis]);
