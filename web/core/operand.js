/** Where what was taken lies: addresses and strides for the core, and where a result goes. Nothing of the caller's runs here. */
import { wrongKind, wrongShape, wrongValue } from './errors.js';
import { newFloats } from './arrays.js';
import { isResident, memoryOf } from './resident.js';
import { Tensor } from './tensor.js';
import { elements, MAX_SIZE, sameShape } from './validate.js';
import { bufferOf, byteOffsetOf, kindOf, lengthOf, plainFloats } from './views.js';

/** Axes of a rank-4 array under each layout; the leading ones may be left out. */
const AXES = { bhtd: '[batch, heads, length, dim]', bthd: '[batch, length, heads, dim]' };
export const LAYOUTS = Object.keys(AXES);

/**
 * Looks where a tensor that was taken lies: its `pointer` where it is resident, else its `data`. To be called once
 * everything was taken, and before anything is allocated: growth detaches views of linear memory. What is located already
 * stays so. Returns the tensor.
 */
export function locate(core, given) {
  if (given.pointer !== undefined) return given;
  const { name, tensor, data } = given;
  if (tensor !== null) {
    const memory = memoryOf(core, name, tensor, Tensor);
    given.pointer = memory.pointer;
    given.length = memory.length;
    return given;
  }
  given.length = elements(given.shape);
  if (lengthOf(data) !== given.length) throw wrongLength(given);
  if (core.owns(bufferOf(data))) {
    given.pointer = byteOffsetOf(data);
    given.data = null;
  } else {
    given.pointer = 0;
  }
  return given;
}

function wrongLength({ name, data, shape, length }) {
  const isDetached = lengthOf(data) === 0 && bufferOf(data).byteLength === 0;
  const hint = isDetached ? ' (a detached array: memory growth detaches tensor.data, read it again; transfer hands arrays over)' : '';
  return wrongValue(`${name}.data`, `of length ${length} for shape [${shape.join(', ')}]${hint}`, data);
}

/** The elements of an operand, as a live view where it is resident. */
export const floatsOf = (core, { data, pointer, length }) => (data === null ? core.floatsAt(pointer, length) : plainFloats(data));

/** Where an operand lies in linear memory, copied there for the time of the call when it is not resident. */
export function place(frame, operand) {
  return operand.data === null ? operand.pointer : frame.copyIn(operand.data);
}

/** Fills in the sizes of a taken [batch, heads, length, width] array under a layout; returns it. */
export function sizeArray(given, layout) {
  const { name, shape } = given;
  const rank = shape.length;
  if (rank < 2 || rank > 4) throw wrongShape(name, `${AXES[layout]} (the leading axes may be left out)`, shape);
  if (shape.some((size) => size > MAX_SIZE)) throw wrongShape(name, `with sizes of at most ${MAX_SIZE}`, shape);
  const [first, second] = layout === 'bhtd' ? [rank > 2 ? shape[rank - 3] : 1, shape[rank - 2]] : [rank > 2 ? shape[rank - 3] : shape[0], rank > 2 ? shape[rank - 2] : 1];
  given.batch = rank === 4 ? shape[0] : 1;
  given.heads = layout === 'bhtd' ? first : second;
  given.rows = layout === 'bhtd' ? second : first;
  given.width = shape[rank - 1];
  return given;
}

/** Strides of [batch, heads, rows, width] under a layout, in floats: batch, head and row of an la_array. */
export function stridesOf(layout, { heads, rows }, width) {
  return layout === 'bhtd' ? { batch: heads * rows * width, head: rows * width, row: width } : { batch: rows * heads * width, head: width, row: heads * width };
}

/** Where such an array lies, with its strides; returns it. */
export function locateArray(core, sized, layout) {
  locate(core, sized);
  sized.strides = stridesOf(layout, sized, sized.width);
  return sized;
}

/** An la_array of it, copied in for the time of the call where it is not resident. */
export function arrayField(frame, given) {
  const { batch, head, row } = given.strides;
  return { data: place(frame, given), batch, head, row };
}

/** Where a result goes. */
class Out {
  /** `copy`: the array that the result is copied to, or null; isView: it is a live view; isGiven: it is the caller's own. */
  constructor(pointer, length, result, copy, isView = false, isGiven = false) {
    this.pointer = pointer;
    this.length = length;
    this.result = result;
    this.copy = copy;
    this.isView = isView;
    this.isGiven = isGiven;
  }
}

/**
 * Where the result goes. `commitOut` copies it out and returns what the caller gets; the array that it copies to exists
 * before the core runs, so that nothing can fail after a state was updated.
 */
export function locateOut(core, out, shape) {
  const length = elements(shape);
  if (out === undefined) {
    const data = newFloats(length);
    return new Out(0, length, { data, shape }, data);
  }
  if (isResident(out, Tensor)) {
    const { pointer } = memoryOf(core, 'out', out, Tensor);
    if (!sameShape(out.shape, shape)) throw wrongShape('out', `[${shape.join(', ')}]`, out.shape);
    return new Out(pointer, length, out, null);
  }
  if (kindOf(out) !== 'Float32Array') throw wrongKind('out', 'a Tensor or a Float32Array', out);
  if (lengthOf(out) !== length) throw wrongValue('out', `of length ${length} for shape [${shape.join(', ')}]`, out);
  const copy = plainFloats(out);
  if (core.owns(copy.buffer)) return new Out(copy.byteOffset, length, { data: out, shape }, null, true);
  return new Out(0, length, { data: out, shape }, copy, false, true);
}

export function commitOut(core, out, pointer) {
  const { copy, result, length, isView } = out;
  if (copy !== null) copy.set(core.f32.subarray(pointer >>> 2, (pointer >>> 2) + length));
  else if (isView && lengthOf(result.data) !== length) result.data = core.floatsAt(pointer, length);
  return result;
}

/**
 * Refuses memory that a call writes while it reads it elsewhere. Places: { pointer, length }, pointer 0 is not resident;
 * `others` have names of their own unless one is given, and may be null.
 */
export function refuseOverlap(place, name, others, theirName) {
  for (let i = 0; i < others.length; i++) {
    if (others[i] !== null && overlaps(place, others[i])) throw new RangeError(`${name} must not share memory with ${theirName ?? others[i].name}`);
  }
}

function overlaps(place, other) {
  if (place.pointer === 0 || place.length === 0 || other.pointer === 0) return false;
  return place.pointer < other.pointer + other.length * 4 && other.pointer < place.pointer + place.length * 4;
}

const sharesState = (name) => new RangeError(`${name} must not share memory with state`);

/** Refuses a result, and inputs, that lie in the memory of the state that the call updates. */
export function refuseStateOverlap(memory, out, inputs) {
  if (overlaps(out, memory)) throw sharesState('out');
  for (let i = 0; i < inputs.length; i++) if (inputs[i] !== null && overlaps(inputs[i], memory)) throw sharesState(inputs[i].name);
}
