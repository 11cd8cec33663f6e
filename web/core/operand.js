/** Where what was taken lies: addresses and strides for the core, and where a result goes. Nothing of the caller's runs here. */
import { wrongKind, wrongShape, wrongValue } from './errors.js';
import { newFloats } from './arrays.js';
import { isResident, memoryOf } from './resident.js';
import { Tensor } from './tensor.js';
import { elements, MAX_SIZE, sameShape } from './validate.js';
import { bufferOf, kindOf, lengthOf, plainFloats } from './views.js';

/** Axes of a rank-4 array under each layout; the leading ones may be left out. */
const AXES = { bhtd: '[batch, heads, length, dim]', bthd: '[batch, length, heads, dim]' };
export const LAYOUTS = Object.keys(AXES);

/**
 * A tensor that was taken as an operand: `pointer` where it is resident, else `data`. To be called once everything was
 * taken, and before anything is allocated: growth detaches views of linear memory. What is located already stays so.
 */
export function locate(core, given) {
  const { name, tensor, shape } = given;
  if (given.pointer !== undefined) return given;
  if (tensor) {
    const { pointer, length } = memoryOf(core, name, tensor, Tensor);
    return { ...given, pointer, data: null, length };
  }
  const data = plainFloats(given.data);
  const length = elements(shape);
  if (data.length !== length) {
    const isDetached = data.length === 0 && bufferOf(given.data).byteLength === 0;
    const hint = isDetached ? ' (a detached array: memory growth detaches tensor.data, read it again; transfer hands arrays over)' : '';
    throw wrongValue(`${name}.data`, `of length ${length} for shape [${shape.join(', ')}]${hint}`, data);
  }
  return core.owns(data.buffer) ? { ...given, pointer: data.byteOffset, data: null, length } : { ...given, pointer: 0, data, length };
}

/** The elements of an operand, as a live view where it is resident. */
export const floatsOf = (core, { data, pointer, length }) => data ?? core.floatsAt(pointer, length);

/** Where an operand lies in linear memory, copied there for the time of the call when it is not resident. */
export function place(frame, operand) {
  return operand.data === null ? operand.pointer : frame.copyIn(operand.data);
}

/** The sizes of a taken [batch, heads, length, width] array under a layout. */
export function sizeArray(given, layout) {
  const { name, shape } = given;
  const rank = shape.length;
  if (rank < 2 || rank > 4) throw wrongShape(name, `${AXES[layout]} (the leading axes may be left out)`, shape);
  if (shape.some((size) => size > MAX_SIZE)) throw wrongShape(name, `with sizes of at most ${MAX_SIZE}`, shape);
  const [batch, first, second, width] = rank === 4 ? shape : rank === 3 ? [1, ...shape] : layout === 'bhtd' ? [1, 1, ...shape] : [1, shape[0], 1, shape[1]];
  const [heads, rows] = layout === 'bhtd' ? [first, second] : [second, first];
  return { ...given, batch, heads, rows, width };
}

/** Strides of [batch, heads, rows, width] under a layout, in floats: batch, head and row of an la_array. */
export function stridesOf(layout, { heads, rows }, width) {
  return layout === 'bhtd' ? { batch: heads * rows * width, head: rows * width, row: width } : { batch: rows * heads * width, head: width, row: heads * width };
}

/** Where an operand lies, and where it lies for the call. */
export function locateArray(core, sized, layout) {
  return { ...locate(core, sized), strides: stridesOf(layout, sized, sized.width) };
}

/**
 * Where the result goes. `commitOut` copies it out and returns what the caller gets; the array that it copies to exists
 * before the core runs, so that nothing can fail after a state was updated.
 */
export function locateOut(core, out, shape) {
  const length = elements(shape);
  if (out === undefined) {
    const data = newFloats(length);
    return { name: 'out', pointer: 0, length, result: { data, shape }, copy: data };
  }
  if (isResident(out, Tensor)) {
    const { pointer } = memoryOf(core, 'out', out, Tensor);
    if (!sameShape(out.shape, shape)) throw wrongShape('out', `[${shape.join(', ')}]`, out.shape);
    return { name: 'out', pointer, length, result: out, copy: null };
  }
  if (kindOf(out) !== 'Float32Array') throw wrongKind('out', 'a Tensor or a Float32Array', out);
  if (lengthOf(out) !== length) throw wrongValue('out', `of length ${length} for shape [${shape.join(', ')}]`, out);
  const copy = plainFloats(out);
  if (core.owns(copy.buffer)) return { name: 'out', pointer: copy.byteOffset, length, result: { data: out, shape }, copy: null, isView: true };
  return { name: 'out', pointer: 0, length, result: { data: out, shape }, copy, isGiven: true };
}

export function commitOut(core, out, pointer) {
  const { copy, result, length, isView } = out;
  if (copy !== null) copy.set(core.f32.subarray(pointer >>> 2, (pointer >>> 2) + length));
  else if (isView && lengthOf(result.data) !== length) result.data = core.floatsAt(pointer, length);
  return result;
}

/** Refuses memory that a call writes while it reads it elsewhere. Places: { name, pointer, length }; pointer 0 is not resident. */
export function refuseOverlap(place, others) {
  if (place.pointer === 0 || place.length === 0) return;
  for (const other of others) {
    if (other.pointer !== 0 && place.pointer < other.pointer + other.length * 4 && other.pointer < place.pointer + place.length * 4) {
      throw new RangeError(`${place.name} must not share memory with ${other.name}`);
    }
  }
}
