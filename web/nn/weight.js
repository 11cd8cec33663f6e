/** Weights as they come in files, and the checks that layers share. */
import { copyOf, newFloats } from '../core/arrays.js';
import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { takeStored } from '../core/given.js';
import { isObject } from '../core/lists.js';
import { isResident, residentMemory } from '../core/resident.js';
import { Tensor } from '../core/tensor.js';
import { elements } from '../core/validate.js';
import { lengthOf, plainFloats } from '../core/views.js';

export const MAX_WIDTH = 65536;

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

/** Shifted into a float32, a float16 is 2^112 too small, and keeps its subnormals; 31 is the exponent of infinity and NaN. */
function fromHalf(half) {
  const magnitude = half & 0x7fff;
  bits[0] = magnitude << 13;
  const value = magnitude >= 0x7c00 ? (magnitude === 0x7c00 ? Infinity : NaN) : asFloat[0] * 2 ** 112;
  return half & 0x8000 ? -value : value;
}

/** A bfloat16 is the upper half of a float32. */
function fromBrain(brain) {
  bits[0] = brain << 16;
  return asFloat[0];
}

/** How each dtype becomes float32: the array that it comes in, and one element's value. */
const CONVERSIONS = {
  F32: ['Float32Array', (x) => x],
  F64: ['Float64Array', (x) => x],
  F16: ['Uint16Array', fromHalf],
  BF16: ['Uint16Array', fromBrain],
};
const KNOWN = Object.keys(CONVERSIONS).join(', ');

/** { data, shape } of a tensor whose `dtype` says how its elements are stored, without one float32; `own`: never the caller's array. */
function convert(tensor, name, own) {
  if (!isObject(tensor) || ArrayBuffer.isView(tensor)) throw wrongKind(name, 'a tensor ({ data, shape } or { data, dims })', tensor);
  if (isResident(tensor, Tensor)) residentMemory(name, tensor);
  const { dtype: given } = tensor;
  const dtype = given === undefined || given === 'float32' ? 'F32' : given;
  const conversion = typeof dtype === 'string' && Object.hasOwn(CONVERSIONS, dtype) ? CONVERSIONS[dtype] : undefined;
  if (!conversion) throw wrongValue(`${name}.dtype`, `one of ${KNOWN}`, dtype);
  const [kind, toFloat] = conversion;
  const { data, shape } = takeStored(name, tensor, kind);
  const length = elements(shape);
  if (lengthOf(data) !== length) throw wrongValue(`${name}.data`, `of length ${length} for shape [${shape.join(', ')}]`, data);
  if (dtype === 'F32') return { data: own ? copyOf(plainFloats(data)) : data, shape };
  const floats = newFloats(length);
  for (let i = 0; i < length; i++) floats[i] = toFloat(data[i]);
  return { data: floats, shape };
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
