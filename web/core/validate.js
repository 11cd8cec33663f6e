import { wrongKind, wrongValue } from './errors.js';

export const MAX_DIM = 256;

/** Sizes are 32-bit integers in the core. */
export const MAX_SIZE = 2 ** 31 - 1;

/** An options object with no names but the known ones: a misspelt option must not pass unnoticed. */
export function checkOptions(where, options, known) {
  if (options === undefined) return {};
  if (options === null || typeof options !== 'object') throw wrongKind(`${where} options`, 'an object', options);
  for (const name of Object.keys(options)) {
    if (!known.includes(name) && options[name] !== undefined) {
      throw new TypeError(`${where}: unknown option '${name}'; known options: ${known.join(', ')}`);
    }
  }
  return options;
}

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

export function checkOneOf(name, value, choices, fallback) {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== 'string') throw wrongKind(name, `one of ${choices.map((c) => `'${c}'`).join(', ')}`, value);
  if (!choices.includes(value)) throw wrongValue(name, `one of ${choices.map((c) => `'${c}'`).join(', ')}`, value);
  return value;
}

export const isList = (value) => value !== null && typeof value === 'object' && Number.isInteger(value.length) && value.length >= 0;

/** A shape as a plain array of integers ≥ 0. */
export function checkShape(name, shape) {
  if (!isList(shape)) throw wrongKind(name, 'an array of integers', shape);
  return Array.from(shape, (size, axis) => checkInteger(`${name}[${axis}]`, typeof size === 'bigint' ? Number(size) : size, 0, Number.MAX_SAFE_INTEGER));
}

export const elements = (shape) => shape.reduce((product, size) => product * size, 1);

export const sameShape = (a, b) => a.length === b.length && a.every((size, axis) => size === b[axis]);

/** Per batch, how many leading keys count; null for all. */
export function checkKeyLengths(value, batch, keys) {
  if (value === undefined) return null;
  if (!isList(value)) throw wrongKind('keyLengths', 'an array of integers', value);
  if (value.length !== batch) throw wrongValue('keyLengths', `an array of ${batch} integers, one per batch`, value);
  return Int32Array.from(value, (length, b) => checkInteger(`keyLengths[${b}]`, length, 0, keys));
}
