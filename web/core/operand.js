/** Turns what callers pass (tensor-likes, resident tensors, outputs) into addresses and strides for the core. */
import { wrongKind, wrongShape, wrongValue } from './errors.js';
import { resultFloats } from './core.js';
import { residentMemory, Tensor } from './tensor.js';
import { checkShape, elements, isList, MAX_SIZE, sameShape } from './validate.js';

/** Axes of a rank-4 array under each layout; the leading ones may be left out. */
const AXES = { bhtd: '[batch, heads, length, dim]', bthd: '[batch, length, heads, dim]' };
export const LAYOUTS = Object.keys(AXES);

function checkInstance(name, memory, core) {
  if (memory.core !== core) throw new RangeError(`${name} must belong to this attention instance, got one of another instance`);
}

/** { shape, data } or { shape, pointer } of an input; memory is not touched yet. */
export function readOperand(core, name, value, expected = 'a tensor ({ data, shape } or { data, dims })') {
  if (value instanceof Tensor) {
    const memory = residentMemory(name, value);
    checkInstance(name, memory, core);
    return { name, shape: value.shape, pointer: memory.pointer, data: null, length: memory.length };
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value) || ArrayBuffer.isView(value)) throw wrongKind(name, expected, value);
  const { data } = value;
  if (!(data instanceof Float32Array)) throw wrongKind(`${name}.data`, 'a Float32Array', data);
  const shape = checkShape(`${name}.shape`, value.shape ?? value.dims);
  refuseStrides(name, value, shape);
  return readFloats(core, name, data, shape);
}

/** Refuses a view of an ndarray whose elements do not lie as its shape says. */
export function refuseStrides(name, { stride, offset }, shape) {
  if (stride === undefined && offset === undefined) return;
  let expected = 1;
  let fits = offset === undefined || offset === 0;
  for (let axis = shape.length - 1; isList(stride) && axis >= 0; axis--) {
    if (shape[axis] !== 1 && stride[axis] !== expected) fits = false;
    expected *= shape[axis];
  }
  if (!fits && elements(shape) > 0) throw new RangeError(`${name} must be row-major from its first element on, got a view with stride [${isList(stride) ? Array.from(stride).join(', ') : ''}] and offset ${offset ?? 0}: copy it first`);
}

/** A Float32Array taken to have this shape. */
export function readFloats(core, name, data, shape) {
  const length = elements(shape);
  if (data.length !== length) {
    const hint = data.length === 0 && data.buffer.byteLength === 0 ? ' (a detached array: memory growth detaches tensor.data, read it again; transfer hands arrays over)' : '';
    throw wrongValue(`${name}.data`, `of length ${length} for shape [${shape.join(', ')}]${hint}`, data);
  }
  const resident = core.owns(data.buffer);
  return { name, shape, pointer: resident ? data.byteOffset : 0, data: resident ? null : data, length };
}

/** The elements of an operand, as a live view where it is resident. */
export const floatsOf = (core, { data, pointer, length }) => data ?? core.floatsAt(pointer, length);

/** Where an operand lies in linear memory, copied there for the time of the call when it is not resident. */
export function place(frame, operand) {
  return operand.data === null ? operand.pointer : frame.copyIn(operand.data);
}

/** Sizes and strides of a [batch, heads, length, width] operand under a layout. */
export function readArray(core, name, value, layout) {
  const operand = readOperand(core, name, value);
  const { shape } = operand;
  if (shape.length < 2 || shape.length > 4) throw wrongShape(name, `${AXES[layout]} (the leading axes may be left out)`, shape);
  if (shape.some((size) => size > MAX_SIZE)) throw wrongShape(name, `with sizes of at most ${MAX_SIZE}`, shape);
  const [batch, first, second, width] = shape.length === 4 ? shape : shape.length === 3 ? [1, ...shape] : layout === 'bhtd' ? [1, 1, ...shape] : [1, shape[0], 1, shape[1]];
  const [heads, length] = layout === 'bhtd' ? [first, second] : [second, first];
  operand.batch = batch;
  operand.heads = heads;
  operand.rows = length;
  operand.width = width;
  operand.strides = layout === 'bhtd' ? [heads * length * width, length * width, width] : [length * heads * width, width, heads * width];
  return operand;
}

/**
 * Where the result goes. `commit` copies it out and returns what the caller gets; the array that it copies to exists
 * before the core runs, so that nothing can fail after a state was updated.
 */
export function readOut(core, out, shape) {
  const length = elements(shape);
  if (out === undefined) {
    const data = resultFloats(length);
    return { pointer: 0, length, result: { data, shape }, copy: data };
  }
  if (out instanceof Tensor) {
    const memory = residentMemory('out', out);
    checkInstance('out', memory, core);
    if (!sameShape(out.shape, shape)) throw wrongShape('out', `[${shape.join(', ')}]`, out.shape);
    return { pointer: memory.pointer, length, result: out, copy: null };
  }
  if (!(out instanceof Float32Array)) throw wrongKind('out', 'a Tensor or a Float32Array', out);
  if (out.length !== length) throw wrongValue('out', `of length ${length} for shape [${shape.join(', ')}]`, out);
  if (core.owns(out.buffer)) return { pointer: out.byteOffset, length, result: { data: out, shape }, copy: null };
  return { pointer: 0, length, result: { data: out, shape }, copy: out };
}

/** Refuses memory that a call writes while it reads it elsewhere. Places: { name, pointer, length }; pointer 0 is not resident. */
export function refuseOverlap(name, place, others) {
  if (place.pointer === 0 || place.length === 0) return;
  for (const other of others) {
    if (other.pointer !== 0 && place.pointer < other.pointer + other.length * 4 && other.pointer < place.pointer + place.length * 4) {
      throw new RangeError(`${name} must not share memory with ${other.name}`);
    }
  }
}

export function commitOut(core, out, pointer) {
  const { copy, result } = out;
  if (copy !== null) copy.set(core.f32.subarray(pointer >>> 2, (pointer >>> 2) + out.length));
  else if (!(result instanceof Tensor) && result.data.length !== out.length) result.data = core.floatsAt(pointer, out.length);
  return result;
}
