/** Floats that become float32 on the way in: those of 16 bits, of which float32 holds each. */
import { newFloats } from './arrays.js';
import { lengthOf } from './views.js';

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

/** What libraries call the dtypes of the safetensors format. */
const NAMES = new Map([
  ['float64', 'F64'], ['float32', 'F32'], ['float16', 'F16'], ['bfloat16', 'BF16'], ['bool', 'BOOL'],
  ...[8, 16, 32, 64].flatMap((bits) => [[`int${bits}`, `I${bits}`], [`uint${bits}`, `U${bits}`]]),
]);

/** The dtype of a tensor, by the format's name, of what it says under `dtype` or, as onnxruntime has it, `type`. */
export const dtypeNamed = (dtype, type) => (dtype === undefined || dtype === null ? NAMES.get(type) : (NAMES.get(dtype) ?? dtype));

const WIDENINGS = new Map([['F16', fromHalf], ['BF16', fromBrain]]);

/** How an element of such an array becomes float32; undefined where it holds no floats of 16 bits. */
export function wideningOf(kind, dtype) {
  if (kind === 'Float16Array') return (x) => x;
  return kind === 'Uint16Array' ? WIDENINGS.get(dtype) : undefined;
}

/** f(x) of every element of a typed array. */
export function widen(data, f) {
  const floats = newFloats(lengthOf(data));
  for (let i = 0; i < floats.length; i++) floats[i] = f(data[i]);
  return floats;
}
