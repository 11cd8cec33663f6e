/** How the safetensors format stores elements. */

/**
 * By name, in the order of the reference implementation, narrow ones first: the bits of an element, and the array that
 * elements come in. 16-bit floats come as their bits; what JavaScript has no array for comes as bytes.
 */
export const DTYPES = new Map([
  ['BOOL', [8, Uint8Array]],
  ['F4', [4]],
  ['F6_E2M3', [6]],
  ['F6_E3M2', [6]],
  ['U8', [8, Uint8Array]],
  ['I8', [8, Int8Array]],
  ['F8_E5M2', [8]],
  ['F8_E4M3', [8]],
  ['F8_E8M0', [8]],
  ['F8_E4M3FNUZ', [8]],
  ['F8_E5M2FNUZ', [8]],
  ['I16', [16, Int16Array]],
  ['U16', [16, Uint16Array]],
  ['F16', [16, Uint16Array]],
  ['BF16', [16, Uint16Array]],
  ['I32', [32, Int32Array]],
  ['U32', [32, Uint32Array]],
  ['F32', [32, Float32Array]],
  ['C64', [64]],
  ['F64', [64, Float64Array]],
  ['I64', [64, BigInt64Array]],
  ['U64', [64, BigUint64Array]],
].map(([name, [bits, Kind = Uint8Array]]) => [name, { bits, Kind }]));

/** One that the format may have in future, of which nothing is known but how such names look. */
const UNKNOWN = { bits: undefined, Kind: Uint8Array };

/** What is known of a dtype, or undefined for what cannot be the name of one. */
export const dtypeOf = (name) => (typeof name === 'string' && /^[A-Z][A-Z0-9_]{0,31}$/.test(name) ? (DTYPES.get(name) ?? UNKNOWN) : undefined);

/** The bytes that a tensor takes, where its dtype is known; a fraction, where its elements fill no whole bytes. */
export const bytesOf = ({ bits }, shape) => (bits === undefined ? undefined : shape.reduce((product, size) => product * size, bits) / 8);

/** The name under which the header holds strings that belong to no tensor. */
export const METADATA = '__metadata__';

/** The longest header that the format's own reader accepts. */
export const MAX_HEADER = 100_000_000;
