/** What goes into a call and what comes out: arrays with shapes, and resident tensors. */

/** The size of every axis; libraries may have them as 64-bit integers. */
export type Sizes = ArrayLike<number> | ArrayLike<bigint>;

/** A shape under either of its names. */
export type Shaped = { readonly shape: Sizes } | { readonly dims: Sizes };

/** A Float16Array, of engines that have it: described, since older versions of TypeScript do not know it. */
export interface Float16Data {
  /** Tells it from other arrays. */
  readonly [Symbol.toStringTag]: 'Float16Array';
  /** 2. */
  readonly BYTES_PER_ELEMENT: number;
  /** How many elements there are. */
  readonly length: number;
  readonly [index: number]: number;
}

/** Floats of 16 bits by their bits: of which kind is said under `type`, as onnxruntime has it, or `dtype`. */
export type HalfData =
  | { readonly data: Uint16Array; readonly type: 'float16' | 'bfloat16' }
  | { readonly data: Uint16Array; readonly dtype: 'float16' | 'bfloat16' | 'F16' | 'BF16' };

/**
 * An array of floats with its shape.
 *
 * Tensors of onnxruntime, transformers.js and ndarray pass as they are. Data lie row by row: another order, strides or an
 * offset are refused. Floats of 16 bits are copied to float32 at every call; results are float32.
 *
 * @example { data: new Float32Array(8), shape: [2, 4] }
 */
export type TensorLike = ({ readonly data: Float32Array | Float16Data } | HalfData) & Shaped;

/** What a call returns: a plain array that the caller owns. */
export interface Result {
  /** The elements, row-major. */
  data: Float32Array;
  /** The size of every axis. */
  shape: number[];
}

/**
 * A resident tensor, made with `attention.tensor`.
 *
 * Its elements live in the module's linear memory, so calls on it copy nothing.
 */
export interface Tensor {
  /** The size of every axis; it does not change. */
  readonly shape: readonly number[];
  /**
   * A live view of the elements.
   *
   * Memory growth detaches it where there is one thread: read `data` again instead of keeping it. With threads it is a
   * view of a SharedArrayBuffer.
   *
   * @throws AttentionError 'disposed'
   */
  readonly data: Float32Array;
  /** Bytes held. */
  readonly bytes: number;
  /** Gives its memory back; what uses it afterwards throws 'disposed'. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/** A tensor as a call takes it: an array with its shape, or a resident tensor of the same instance. */
export type Input = TensorLike | Tensor;

/** Integers of a known count: a list of them, or a tensor of another library, of 64-bit integers as well. */
export type Integers = Sizes | { readonly data: Sizes };

/** Numbers of a known count: a list of them, or an array with its shape. */
export type Numbers = ArrayLike<number> | TensorLike;

/** Numbers that vary over heads, tokens or features: one for all, a list (one a head), or a tensor. */
export type Gate = number | ArrayLike<number> | Input;

/** `'bhtd'`: [batch, heads, length, dim]; `'bthd'`: [batch, length, heads, dim]. */
export type Layout = 'bhtd' | 'bthd';

/** Where a result goes: a resident tensor of the result's shape, or a Float32Array of its length. */
export type Out = Tensor | Float32Array;

/** The result, or the tensor that was given as `out`. */
export type ResultOf<O> = O extends Tensor ? Tensor : Result;
