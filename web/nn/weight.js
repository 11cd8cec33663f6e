/** Weights as they come in files, and the checks that layers share. */
import { copyOf } from '../core/arrays.js';
import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { widen, wideningOf } from '../core/floats.js';
import { readShape, readTensor } from '../core/given.js';
import { isResident, residentMemory } from '../core/resident.js';
import { Tensor } from '../core/tensor.js';
import { elements } from '../core/validate.js';
import { kindOf, lengthOf, plainFloats } from '../core/views.js';

export const MAX_WIDTH = 65536;

/** The array that the elements of each dtype come in, where float16 has none of its own. */
const KINDS = new Map([['F32', 'Float32Array'], ['F64', 'Float64Array'], ['F16', 'Uint16Array'], ['BF16', 'Uint16Array']]);
const KNOWN = [...KINDS.keys()].join(', ');

/** { data, shape } of a tensor whose `dtype` says how its elements are stored, without one float32; `own`: never the caller's array. */
function convert(tensor, name, own) {
  if (isResident(tensor, Tensor)) residentMemory(name, tensor);
  const raw = readTensor(name, tensor);
  const { data } = raw;
  const kind = kindOf(data);
  const dtype = raw.dtype ?? (kind === 'Float16Array' ? 'F16' : 'F32');
  if (!KINDS.has(dtype)) throw wrongValue(`${name}.dtype`, `one of ${KNOWN}`, dtype);
  if (kind !== KINDS.get(dtype) && !(kind === 'Float16Array' && dtype === 'F16')) throw wrongKind(`${name}.data`, `a ${KINDS.get(dtype)}`, data);
  const shape = readShape(raw);
  const length = elements(shape);
  if (lengthOf(data) !== length) throw wrongValue(`${name}.data`, `of length ${length} for shape [${shape.join(', ')}]`, data);
  if (dtype === 'F32') return { data: own ? copyOf(plainFloats(data)) : data, shape };
  return { data: widen(data, wideningOf(kind, dtype) ?? ((x) => x)), shape };
}

/** { data: Float32Array, shape } of a tensor: float32 as it is, all else converted. */
export const toFloat32 = (tensor, name = 'tensor') => convert(tensor, name, false);

/** A copy of the float32 elements of a vector of `width`, or of any width a layer takes. */
export function readVector(name, tensor, width) {
  const { data, shape } = convert(tensor, name, true);
  if (shape.length !== 1 || (width !== undefined && shape[0] !== width)) throw wrongShape(name, `[${width ?? 'width'}]`, shape);
  if (shape[0] < 1 || shape[0] > MAX_WIDTH) throw wrongShape(name, `[width] with width from 1 to ${MAX_WIDTH}`, shape);
  return data;
}

/** A copy of the float32 elements of a matrix [outputs, inputs], and both sizes. */
export function readMatrix(name, tensor) {
  const { data, shape } = convert(tensor, name, true);
  if (shape.length !== 2 || shape.some((size) => size < 1 || size > MAX_WIDTH)) {
    throw wrongShape(name, `[outputs, inputs], each from 1 to ${MAX_WIDTH}`, shape);
  }
  return { data, outputs: shape[0], inputs: shape[1] };
}

/** Splits the axes of a layer's input into the leading ones and the last that multiply to `width`. */
export function leadingAxes(name, { shape }, width) {
  let product = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    product *= shape[axis];
    if (product === width) return shape.slice(0, axis);
    if (product > width || product === 0) break;
  }
  throw wrongShape(name, `[..., ${width}] (the last axes may multiply to ${width})`, shape);
}
