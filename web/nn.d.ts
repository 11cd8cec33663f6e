/**
 * linear-attention-wasm/nn: dense layers around attention, enough to run small transformers and no more.
 *
 * Weights may be float32 or float16 and are packed as float32 once, when a layer is made. Layers run on the instance
 * that they were made for, hold memory in it until `dispose`, and follow the rules of the main entry: shapes are
 * row-major, inputs are tensor-likes or resident tensors, `out` as there. Rows computed alone or together have the
 * same bits. Numbers follow IEEE arithmetic: NaN and infinities pass through.
 */
import type { Attention, Input, Out, Result, ResultOf, Tensor, TensorLike } from './index.js';
import type { Float16Data, Shaped } from './tensor.js';

/**
 * How a file stores elements.
 *
 * 16-bit floats come as their bits in a Uint16Array. Those that JavaScript has no array for, from F8_E4M3 on, and dtypes
 * that the format may have in future come as bytes in a Uint8Array.
 */
export type Dtype =
  | 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U64' | 'U32' | 'U16' | 'U8' | 'BOOL'
  | 'F8_E4M3' | 'F8_E5M2' | 'F8_E8M0' | 'F8_E4M3FNUZ' | 'F8_E5M2FNUZ' | 'F6_E2M3' | 'F6_E3M2' | 'F4' | 'C64'
  | (string & {});

/** A tensor of a file. */
export interface StoredTensor {
  /** How its elements are stored. */
  readonly dtype: Dtype;
  /** The size of every axis. */
  readonly shape: readonly number[];
  /** A view of the file where alignment allows it. */
  readonly data:
    | Float64Array | Float32Array
    | BigInt64Array | Int32Array | Int16Array | Int8Array
    | BigUint64Array | Uint32Array | Uint16Array | Uint8Array;
}

/** Weights: float32, floats of 16 bits, or a stored tensor of dtype F32, F16, BF16 or F64. */
export type Weight = TensorLike | StoredTensor;

/**
 * The tensors of a safetensors file, by name, and the strings of its `__metadata__`.
 *
 * Format: https://github.com/huggingface/safetensors#format
 *
 * @example const { tensors } = readSafetensors(await response.arrayBuffer());
 * @throws `AttentionError` 'malformed-file' unless the header is JSON within the file that has no name twice, every shape
 * fits its bytes, and the tensors cover the rest of the file without gap or overlap; an HTML page or a Git LFS pointer in
 * the place of the file is called that
 */
export function readSafetensors(file: ArrayBufferLike | ArrayBufferView): { metadata: Record<string, string>; tensors: Map<string, StoredTensor> };

/**
 * A tensor for a file.
 *
 * Without a dtype it has that of its array: F32 of a Float32Array, U16 of a Uint16Array. The bits of 16-bit floats need
 * dtype `'F16'` or `'BF16'`, and dtypes without an array their bytes in a Uint8Array. Results, resident tensors and
 * tensors of onnxruntime pass as they are.
 */
export type Storable =
  | Tensor
  | ({ readonly data: StoredTensor['data'] | Float16Data; readonly dtype?: Dtype; readonly type?: string } & Shaped);

/** What `writeSafetensors` takes: also what `readSafetensors` returns. */
export interface SafetensorsContent {
  /** By name. */
  tensors: ReadonlyMap<string, Storable> | Readonly<Record<string, Storable>>;
  /** Strings for `__metadata__`. Default: none. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of a safetensors file, those that the reference implementation makes of the same tensors.
 *
 * What `readSafetensors` reads comes out bit for bit. Tensors of wide dtypes come first, then by name.
 *
 * @example const file = writeSafetensors({ tensors: { weight: { data, shape: [2, 4] } }, metadata: { format: 'pt' } });
 * @throws TypeError for what is no tensor, RangeError where data and shape differ, each with the tensor's name
 */
export function writeSafetensors(content: SafetensorsContent): Uint8Array;

/** The tensor as float32: the same array when it is float32 already, else converted (float64 is rounded). */
export function toFloat32(tensor: Weight): Result;

/** What `dense` takes. */
export interface DenseOptions {
  /** [outputs, inputs], each 1 to 65536. */
  weight: Weight;
  /** [outputs]. Default 0. */
  bias?: Weight;
  /** What is applied to the sum; `'relu'` is max(y, 0). Default `'none'`. */
  activation?: 'none' | 'relu';
}

/** activation(x Wᵀ + b) + residual. */
export interface Dense {
  /** Length of an input row. */
  readonly inputs: number;
  /** Length of an output row. */
  readonly outputs: number;
  /** What is applied to the sum. */
  readonly activation: 'none' | 'relu';
  /** Bytes of the packed weights. */
  readonly bytes: number;
  /**
   * x [..., inputs] → [..., outputs].
   *
   * The last axes of x may multiply to `inputs` ([batch, heads, dim] for heads·dim),
   * and a resident `out` or `residual` may split its last axis likewise.
   * `residual` is added after the activation, has the result's size, and may be `out` itself.
   */
  apply<O extends Out | undefined = undefined>(x: Input, options?: { residual?: Input; out?: O }): ResultOf<O>;
  /**
   * The outputs in order over several resident tensors: q, k and v of one layer.
   *
   * Each but the last is a multiple of 16 wide.
   *
   * @example projection.apply(x, { out: [q, k, v] });
   */
  apply<O extends readonly Tensor[]>(x: Input, options: { out: O }): O;
  /** Gives its memory back; what uses it afterwards throws 'disposed'. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/** Packs the weights of a dense layer. */
export function dense(attention: Attention, options: DenseOptions): Dense;

/** What `layerNorm` takes. */
export interface LayerNormOptions {
  /** [width], 1 to 65536. */
  weight: Weight;
  /** [width]. */
  bias: Weight;
  /** Added to the variance, ≥ 0. Default 1e-5. */
  eps?: number;
}

/**
 * (x − mean) / √(variance + eps) · weight + bias over the last axis.
 *
 * The variance is without Bessel's correction (Ba, Kiros & Hinton 2016).
 */
export interface LayerNorm {
  /** Length of a row. */
  readonly width: number;
  /** Added to the variance. */
  readonly eps: number;
  /** Bytes of weight and bias. */
  readonly bytes: number;
  /** x [..., width] → the same shape; `out` may be x itself. */
  apply<O extends Out | undefined = undefined>(x: Input, options?: { out?: O }): ResultOf<O>;
  /** Gives its memory back; what uses it afterwards throws 'disposed'. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/** Copies weight and bias of a layer norm. */
export function layerNorm(attention: Attention, options: LayerNormOptions): LayerNorm;

/** What `sampler` takes. */
export interface SamplerOptions {
  /** Rows drawn at once, 1 to 2²⁴, each with a random stream of its own. Default 1. */
  batch?: number;
  /** What the streams start from, an integer 0 to 2³² − 1. Default 0. */
  seed?: number;
  /** The stream of row 0, an integer 0 to 2³² − 1; row i has stream + i. Default 0. */
  stream?: number;
  /** Divides the logits, ≥ 0; at 0 the first of the largest is taken. Default 1. */
  temperature?: number;
}

/**
 * Draws from softmax(logits / temperature).
 *
 * By PCG XSH-RR 64/32 (O'Neill 2014): equal logits, seed and stream give the same draws in Node and every browser. (A build that rounds differently may draw differently where two classes meet.)
 */
export interface Sampler {
  /** Rows drawn at once. */
  readonly batch: number;
  /** What the streams start from. */
  readonly seed: number;
  /** The stream of row 0. */
  readonly stream: number;
  /** Divides the logits. */
  readonly temperature: number;
  /**
   * logits [batch, classes], or [classes] for batch 1 → one class a row.
   *
   * 1 to 65536 classes. −Infinity is never drawn.
   *
   * @example const [next] = draws.sample(logits);
   * @throws RangeError, and draws nothing, when a row has NaN or Infinity or is all −Infinity
   */
  sample(logits: Input): Int32Array;
  /** Back to the first draw. */
  reset(): void;
  /** Gives its memory back; what uses it afterwards throws 'disposed'. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/** A sampler at its first draw. */
export function sampler(attention: Attention, options?: SamplerOptions): Sampler;
