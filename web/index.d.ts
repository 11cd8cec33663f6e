/// <reference lib="esnext.disposable" />

/**
 * linear-attention-wasm: linear and softmax attention in WebAssembly SIMD.
 *
 * Layout: every array is row-major float32. The default layout is `[batch, heads, length, dim]`
 * (`'bhtd'`, as PyTorch's scaled_dot_product_attention); `'bthd'` is `[batch, length, heads, dim]`.
 * `[heads, length, dim]` (`[length, heads, dim]` under `'bthd'`) and `[length, dim]` are promoted to
 * batch 1 and one head; a result has the rank of `q`, and an axis of heads where it has several.
 * Data must lie row by row: views with other strides or an offset are refused. Any length from 0 is fine.
 *
 * Heads: those of `q` may be any multiple of those of `k` and `v` (grouped-query attention). In linear
 * attention and its presets those of `q`, `k` and `v` may all differ: the largest number is a multiple of
 * the others, and the larger of those of `k` and `v` of the smaller. Head h of H uses head h·n/H (rounded
 * down) of what has n.
 *
 * Sizes: dim 1 to 1024, valueDim 1 to 8192, features 1 to 65536.
 *
 * Errors: `TypeError` for a value of the wrong kind, `RangeError` for a wrong shape or value (the
 * message names the argument, what was expected and what was got), `AttentionError` otherwise.
 * A call that throws changes no state and leaks nothing.
 */

import type { Attention } from './attention.js';
import type { Global, WasmModule } from './host.js';

export type { Attention, Build } from './attention.js';
export type { Cache, CacheOptions } from './cache.js';
export type { AbsorbOptions, LinearOptions } from './calls.js';
export type { Gap, GapMeasures, GapOptions, WeightsOptions } from './gap.js';
export type { DeltaOptions, GateOptions, Mamba2Options, PresetOptions, RetentionOptions } from './presets.js';
export type { SoftmaxOptions, SoftmaxPart, SoftmaxPartInput, SoftmaxPartOptions } from './softmax.js';
export type {
  FeatureMapName,
  PlainFeatureMapName,
  FeatureMapOptions,
  FavorOptions,
  RffOptions,
  DpfpOptions,
  HedgehogOptions,
  LearnedOptions,
  CosformerOptions,
  FeatureMapOptionsByName,
  FeatureMapApplyOptions,
  FeatureMapWeights,
  FeatureMap,
} from './feature_map.js';
export type { State, StateOptions, StepOptions } from './state.js';
export type { Gate, Input, Layout, Numbers, Out, Result, ResultOf, Tensor, TensorLike } from './tensor.js';

/** What `createAttention` takes. */
export interface CreateOptions {
  /**
   * Which compiled variant runs. Default `'auto'`.
   *
   * `'simd'` gives the same bits on every engine; `'relaxed'` uses relaxed SIMD's fused multiply-add, is faster, and rounds
   * as the processor does. `'auto'` takes the best that the entry carries and the engine validates.
   */
  build?: 'auto' | 'simd' | 'relaxed';
  /**
   * Threads that share each call, an integer from 1 to 64, or `'auto'`. Default 1.
   *
   * `'auto'` is as many as the machine has processors, 64 at most. They need a cross-origin isolated page and shared memory, of 4 GB or
   * as much of it as can be reserved, at least 64 MB; where they cannot be had, calls run on 1, `threadsReason` says why,
   * and the console warns once. They end with `dispose()`, or once an instance that was dropped, with all that was made in
   * it, is collected.
   */
  threads?: number | 'auto';
  /**
   * The module itself, or where to fetch it. Default: the file beside the entry.
   *
   * Its bytes, a compiled Module, a Response, or a URL. Where `build` is given, the module must be of that build. What a
   * URL gave is compiled once and shared by all instances.
   */
  wasm?: ArrayBuffer | ArrayBufferView | WasmModule | Global<'Response'> | Global<'URL'> | string;
}

/**
 * Loads and instantiates the wasm module.
 *
 * Nothing can be called before this resolves.
 *
 * @example const attention = await createAttention();
 * @throws AttentionError 'unsupported' where the engine lacks what the build needs, 'load-failed' where the module cannot
 * be had; TypeError and RangeError for wrong options
 */
export function createAttention(options?: CreateOptions): Promise<Attention>;

/** The version of the package. */
export const version: string;

/** The kinds of failure, by `error.code`. */
export type AttentionErrorCode =
  | 'out-of-memory'
  | 'disposed'
  | 'corrupt-state'
  | 'cache-full'
  | 'unsupported'
  | 'load-failed'
  | 'malformed-file'
  | 'thread-failed'
  | 'diverged'
  | 'internal';

/** Every failure that is not a wrong argument. */
export class AttentionError extends Error {
  /** What went wrong, for programs; the message says it to people. */
  readonly code: AttentionErrorCode;
}
