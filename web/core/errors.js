/** Every failure that is not a wrong argument; `code` says which. */
export class AttentionError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = 'AttentionError';
    this.code = code;
  }
}

export const corrupt = (why) => new AttentionError('corrupt-state', `Not a saved state: ${why}`);

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
  if (Array.isArray(value)) return value.length > 8 || value.some(Array.isArray) ? `an array of ${value.length} elements` : `[${value.map(describe).join(', ')}]`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of length ${value.length ?? value.byteLength}`;
  if (typeof value === 'function') return 'a function';
  if (value !== null && typeof value === 'object') return value.constructor && value.constructor !== Object ? `a ${value.constructor.name}` : 'an object';
  return String(value);
}

export const wrongKind = (name, expected, got) => new TypeError(`${name} must be ${expected}, got ${describe(got)}`);
export const wrongValue = (name, expected, got) => new RangeError(`${name} must be ${expected}, got ${describe(got)}`);
export const wrongShape = (name, expected, shape) => new RangeError(`${name} must have shape ${expected}, got [${Array.from(shape).join(', ')}]`);
