/**
 * What a caller gave, read once. A call first takes everything that it was given, each property of it once, and only
 * then looks at sizes, resolves addresses and allocates: a getter, proxy or list of the caller's has no way to change
 * what was already checked.
 */
import { arrayFrom, floatsFrom } from './arrays.js';
import { describe, wrongKind, wrongValue } from './errors.js';
import { dtypeNamed, widen, wideningOf } from './floats.js';
import { refuseElsewhere } from './foreign.js';
import { asNumber, elementsOf, isObject, MAX_RANK, takeList, takeShape } from './lists.js';
import { isResident, residentMemory } from './resident.js';
import { Tensor } from './tensor.js';
import { checkInteger, elements } from './validate.js';
import { kindOf } from './views.js';

/**
 * A tensor as it was taken. Later steps fill in the rest, in place, since objects of one form are fast and copies of them
 * are not: `sizeArray` the sizes, `locate` where it lies.
 */
export class Given {
  /** Sizes of a [batch, heads, rows, width] array. */
  batch = 0;
  heads = 0;
  rows = 0;
  width = 0;
  /** Address in linear memory, 0 where it is not resident; undefined while it was not looked for. */
  pointer = undefined;
  /** Number of elements. */
  length = 0;
  /** Floats from one batch, head or row to the next; of gates by the names of their axes. */
  strides = undefined;

  /** `tensor`: a resident Tensor or null; `data`: else its Float32Array; shape: a plain array. */
  constructor(name, tensor, data, shape) {
    this.name = name;
    this.tensor = tensor;
    this.data = data;
    this.shape = shape;
  }

  /** The same elements under another shape. */
  reshaped(shape) {
    return new Given(this.name, this.tensor, this.data, shape);
  }
}

/** Axes that are longer than 1: of one such axis there is but one order. */
const longAxes = (shape) => shape.filter((size) => size > 1).length;

/**
 * Refuses data whose elements do not lie row by row as its shape says: `stride`, `strides` and `offset` of ndarray and
 * stdlib, stdlib's `order`, npyjs' `fortranOrder`. A method called stride, as transformers.js has, says nothing.
 */
function refuseOrder({ name, stride, strides, offset, order, fortranOrder }, shape) {
  if (stride === undefined && strides === undefined && offset === undefined && order === undefined && fortranOrder === undefined) return;
  if (elements(shape) === 0) return;
  const wrong = (what) => new RangeError(`${name} must be row-major from its first element on, got ${what}: copy it first`);
  if (typeof offset === 'number' && offset !== 0) throw wrong(`a view with offset ${offset}`);
  for (const [what, steps] of [['stride', stride], ['strides', strides]]) {
    if (steps === undefined || steps === null || typeof steps === 'function') continue;
    const list = takeList(`${name}.${what}`, steps);
    if (list.length > MAX_RANK) throw wrong(`a view with ${list.length} ${what}`);
    const given = elementsOf(list);
    let expected = 1;
    let fits = given.length === shape.length;
    for (let axis = shape.length - 1; fits && axis >= 0; axis--) {
      if (shape[axis] !== 1 && given[axis] !== expected) fits = false;
      expected *= shape[axis];
    }
    if (!fits) throw wrong(`a view with ${what} [${given.map(describe).join(', ')}]`);
  }
  if (longAxes(shape) < 2) return;
  if (order !== undefined && typeof order === 'string' && order !== 'row-major' && order !== 'C') throw wrong(`order '${order}'`);
  if (fortranOrder === true) throw wrong('fortranOrder: true');
}

export const TENSOR = 'a tensor ({ data, shape } or { data, dims })';
const isBare = (value) => Array.isArray(value) || ArrayBuffer.isView(value);

/** What a tensor-like says of itself, each property of it read once, in this order. */
export function readTensor(name, value, expected = TENSOR) {
  if (!isObject(value) || isBare(value)) throw wrongKind(name, expected, value);
  const { data } = value;
  if (!kindOf(data)) refuseElsewhere(name, value, expected);
  const shape = value.shape ?? value.dims;
  const { stride, strides, offset, order, fortranOrder, dtype, type } = value;
  return { name, data, shape, stride, strides, offset, order, fortranOrder, dtype: dtypeNamed(dtype, type) };
}

/** Its shape, once its data were found to be of a kind that is taken. */
export function readShape(raw) {
  const shape = takeShape(`${raw.name}.shape`, raw.shape);
  refuseOrder(raw, shape);
  return shape;
}

/** A resident Tensor, or anything with floats of 32 or 16 bits and a shape. */
export function takeTensor(name, value, expected = TENSOR) {
  if (isResident(value, Tensor)) {
    residentMemory(name, value);
    return new Given(name, value, null, value.shape);
  }
  const raw = readTensor(name, value, expected);
  const { data, dtype } = raw;
  const kind = kindOf(data);
  const widening = wideningOf(kind, dtype);
  if (kind !== 'Float32Array' && !widening) throw wrongKind(`${name}.data`, kind === 'Uint16Array' ? "a Float32Array, or have type: 'float16' or 'bfloat16' beside it" : 'a Float32Array', data);
  const shape = readShape(raw);
  return new Given(name, null, widening ? widen(data, widening) : data, shape);
}

const NUMBERS = 'a number, an array of numbers or a tensor';

/** A tensor may have a length as well, and has data. */
const isListLike = (value) => isObject(value) && !isResident(value, Tensor) && (isBare(value) || (!('data' in value) && 'length' in value));

/** Numbers in any form: one as { name, number, shape }, a list as { name, list, length, shape }, or a tensor; null where there are none. */
export function takeNumbers(name, value) {
  if (value === null) return null;
  if (typeof value === 'number') return { name, number: value, shape: [] };
  if (!isListLike(value)) return takeTensor(name, value, `${NUMBERS} ({ data, shape } or { data, dims })`);
  const given = takeList(name, value, NUMBERS);
  return { ...given, shape: [given.length] };
}

/** The numbers of a list whose length was found to be what is needed. */
export function numbersIn(given) {
  return elementsOf(given, (x) => {
    if (typeof x !== 'number') throw wrongKind(given.name, NUMBERS, given.list);
    return x;
  });
}

/** What takeNumbers took as a tensor of float32, once its shape was found to be what is needed; numbers that are none yet pass through `f`. */
export function asTensor(given, f = (x) => x) {
  const { name, number, list, shape } = given;
  if (number !== undefined) return new Given(name, null, Float32Array.of(f(number, 0)), shape);
  return list === undefined ? given : new Given(name, null, floatsFrom(numbersIn(given), f), shape);
}

/** Whatever it is: the call checks it. */
export const takeAsIs = (name, value) => value;

/** What takes options: { name: taker } once for all calls. */
export const optionTakers = (takers) => ({ known: new Set(Object.keys(takers)), names: Object.keys(takers), takes: Object.values(takers) });

/** Every option that was not given. */
const NONE = Object.freeze({});

/** Refuses options that are no object, and those with a name that the call does not know: a misspelt option must not pass unnoticed. */
export function checkOptions(where, options, { known }) {
  if (!isObject(options) || isBare(options) || options instanceof Map || options instanceof Set || options instanceof Date || options instanceof Promise) {
    throw wrongKind(`${where} options`, 'an object', options);
  }
  const names = Object.keys(options);
  for (let i = 0; i < names.length; i++) {
    if (!known.has(names[i]) && options[names[i]] !== undefined) {
      throw new TypeError(`${where}: unknown option '${names[i]}'; known options: ${[...known].join(', ')}`);
    }
  }
}

/**
 * The options of a call as a plain object. `takers`: by name, what takes the option (optionTakers); an option that was not
 * given is undefined.
 */
export function takeOptions(where, options, takers) {
  if (options === undefined) return NONE;
  checkOptions(where, options, takers);
  const { names, takes } = takers;
  const taken = {};
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = options[name];
    taken[name] = value === undefined ? undefined : takes[i](name, value);
  }
  return taken;
}

/** Takers of options that are all taken as they are. */
export const asTheyAre = (...names) => Object.fromEntries(names.map((name) => [name, takeAsIs]));

/** Per batch, how many leading keys count: a list, or a tensor of rank 1 of another library. */
export const takeKeyLengths = (name, value) => takeList(name, isObject(value) && !isBare(value) && 'data' in value ? value.data : value);

/** The numbers in it, one per batch; null where none were given. */
export function readKeyLengths(given, batch) {
  if (given === undefined) return null;
  if (given.length !== batch) throw wrongValue('keyLengths', `an array of ${batch} integers, one per batch`, given.list);
  return elementsOf(given, asNumber);
}

/** What readKeyLengths read, for a call of so many keys. */
export const checkKeyLengths = (lengths, keys) => lengths && arrayFrom(Int32Array, lengths, (length, b) => checkInteger(`keyLengths[${b}]`, length, 0, keys));
