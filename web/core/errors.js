import { kindOf, lengthOf } from './views.js';

/** Every failure that is not a wrong argument; `code` says which. */
export class AttentionError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = 'AttentionError';
    this.code = code;
  }
}

export const corrupt = (why) => new AttentionError('corrupt-state', `Not the bytes of a saved state or feature map: ${why}`);

function describeArray(array) {
  if (array.length > 8 || array.some(Array.isArray)) return `an array of ${array.length} elements`;
  return `[${Array.from(array, describe).join(', ')}]`;
}

function describeObject(value) {
  const kind = kindOf(value);
  if (kind) return `a ${kind} of length ${lengthOf(value)}`;
  if (Array.isArray(value)) return describeArray(value);
  const name = value.constructor?.name;
  return value.constructor && value.constructor !== Object && name ? `a ${name}` : 'an object';
}

/** Runs the checks of arguments on what a saved state holds: what they refuse cannot come from save(). */
export function asCorrupt(check) {
  try {
    return check();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw corrupt(error.message);
    throw error;
  }
}

/** A description of a value for an error message: short, however long or deep the value is. */
export function describe(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (value === null || typeof value !== 'object') return String(value);
  try {
    return describeObject(value);
  } catch {
    return 'an object that cannot be read';
  }
}

export const wrongKind = (name, expected, got) => new TypeError(`${name} must be ${expected}, got ${describe(got)}`);
export const wrongValue = (name, expected, got) => new RangeError(`${name} must be ${expected}, got ${describe(got)}`);
export const wrongShape = (name, expected, shape) => new RangeError(`${name} must have shape ${expected}, got [${Array.from(shape).join(', ')}]`);
