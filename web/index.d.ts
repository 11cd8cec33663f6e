/// <reference lib="esnext.disposable" />

/**
 * linear-attention-wasm: linear and softmax attention in WebAssembly SIMD.
 *
 * Layout: every array is row-major float32. The default layout is `[batch, heads, length, dim]`
 * (`'bhtd'`, as PyTorch's scaled_dot_product_attention); `'bthd'` is `[batch, length, heads, dim]`.
 * `[heads, length, dim]` (`[length, heads, dim]` under `'bthd'`) and `[length, dim]` are promoted to
 * batch 1 and one head; a result has the rank of `q`.
 *
 * Grouped-query attention: the heads of `q` may be any multiple of the heads of `k` and `v`.
 *
 * Errors: `TypeError` for a value of the wrong kind, `RangeError` for a wrong shape or value (the
 * message names the argument, what was expected and what was got), `AttentionError` otherwise.
 * A call that throws changes no state and leaks nothing.
 */

import type { FeatureMap, FeatureMapName, FeatureMapOptionsByName, PlainFeatureMapName } from './maps/feature_map.js';
import type { Global, WasmModule } from './host.js';

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
  FeatureMap,
} from './maps/feature_map.js';

/** A float32 array with its shape: tensors of onnxruntime, transformers.js and ndarray pass as they are. */
export type TensorLike =
  | { readonly data: Float32Array; readonly shape: ArrayLike<number> }
  | { readonly data: Float32Array; readonly dims: ArrayLike<number> };

/** What a call returns: a plain array that the caller owns. */
export interface Result {
  data: Float32Array;
  shape: number[];
}

/** `'bhtd'`: [batch, heads, length, dim]; `'bthd'`: [batch, length, heads, dim]. */
export type Layout = 'bhtd' | 'bthd';

/** The compiled variants of the C core. */
export type Build = 'simd' | 'relaxed' | 'scalar';

export interface CreateOptions {
  /**
   * `'simd'` gives the same bits on every engine; `'relaxed'` uses relaxed SIMD's fused multiply-add, is faster, and rounds
   * as the processor does. `'auto'` (default) takes the best that the entry carries and the engine validates.
   */
  build?: 'auto' | 'simd' | 'relaxed';
  /**
   * Threads that share each call, 1 to 64, or `'auto'` for as many as the machine has processors. Default 1. They need
   * a cross-origin isolated page and shared memory, of 4 GB or as much of it as can be reserved, at least 64 MB; where they
   * cannot be had, calls run on 1, `threadsReason` says why, and the console warns once. They end with `dispose()`, or once
   * an instance that was dropped, with all that was made in it, is collected.
   */
  threads?: number | 'auto';
  /**
   * The module itself instead of the packaged file: its bytes, a compiled Module, a Response, or where to fetch it. What a
   * URL gave is compiled once and shared by all instances.
   */
  wasm?: ArrayBuffer | ArrayBufferView | WasmModule | Global<'Response'> | Global<'URL'> | string;
}

/** Loads and instantiates the wasm module. Nothing can be called before this resolves. */
export function createAttention(options?: CreateOptions): Promise<Attention>;

/** The version of the package. */
export const version: string;

export type AttentionErrorCode =
  | 'out-of-memory'
  | 'disposed'
  | 'corrupt-state'
  | 'cache-full'
  | 'unsupported'
  | 'load-failed'
  | 'malformed-file'
  | 'thread-failed'
  | 'internal';

/** Every failure that is not a wrong argument. */
export class AttentionError extends Error {
  readonly code: AttentionErrorCode;
}

/** A resident tensor: its elements live in the module's linear memory, so calls on it copy nothing. */
export interface Tensor {
  readonly shape: readonly number[];
  /** A live view, of a SharedArrayBuffer with threads. Memory growth detaches views without threads: read `data` again instead of keeping it. */
  readonly data: Float32Array;
  /** Bytes held. */
  readonly bytes: number;
  dispose(): void;
  [Symbol.dispose](): void;
}

/** Where a result goes: a resident tensor of the result's shape, or a Float32Array of its length. */
export type Out = Tensor | Float32Array;

/** The result, or the tensor that was given as `out`. */
export type ResultOf<O> = O extends Tensor ? Tensor : Result;

export interface SoftmaxOptions<O extends Out | undefined = Out | undefined> {
  /** Query i sees keys 0 … i only (top-left aligned, as in PyTorch); with a cache, all earlier keys as well. Default false. */
  causal?: boolean;
  /** Multiplies q·k. Default 1/√dim. */
  scale?: number;
  /** Per batch, how many leading keys count: integers 0 … key length. A query that sees no key gives 0. */
  keyLengths?: ArrayLike<number>;
  /** k and v are appended to it first; attention runs over everything it then holds. */
  cache?: Cache;
  /** Default `'bhtd'`. */
  layout?: Layout;
  out?: O;
}

/** Numbers that vary over heads, tokens or features: one for all, a list (one a head), or a tensor. */
export type Gate = number | ArrayLike<number> | TensorLike | Tensor;

export interface LinearOptions<O extends Out | undefined = Out | undefined> {
  /** φ of Katharopoulos et al. 2020, eq. 4. Default `'elu'` (x>0 ? x+1 : exp(x)). */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Query i sees keys 0 … i only. Needs as many queries as keys. Default false (as in PyTorch), true with decay or beta, which need it. */
  causal?: boolean;
  /** Divide by scale·φ(q)·z + eps. Default: true without decay and beta, false with. */
  normalize?: boolean;
  /**
   * Natural logarithm of what the state keeps at each token, at most 0 (−Infinity clears it): a number, one a head
   * `[kvHeads]`, one a head and token `[batch, kvHeads, length]`, or one a head, token and feature
   * `[batch, kvHeads, length, features]`; under `'bthd'` `[batch, length, kvHeads]` and so on. Never factored:
   * strong decay neither overflows nor loses the result.
   */
  decay?: Gate;
  /**
   * Selects the delta rule, u = beta·(v − Sᵀφ(k)) instead of u = v: a number, `[batch, kvHeads, length]`, or
   * `[batch, length]` for all heads. The recurrence is stable for 0 ≤ beta·‖φ(k)‖² ≤ 2: normalise keys to length 1.
   * Outside it grows as the plain recurrence does, and results are finite as long as that one's are.
   */
  beta?: Gate;
  /** Takes a decay above 0, up to 88, instead of refusing it. Default false. */
  allowGrowth?: boolean;
  /** Multiplies φ(q)·φ(k). Default 1. */
  scale?: number;
  /** Added to the normaliser, ≥ 0. Default 1e-6. */
  eps?: number;
  /** Per batch, how many leading keys count: integers 0 … key length. */
  keyLengths?: ArrayLike<number>;
  /** Read before, updated after; also sets the defaults of featureMap, normalize, scale and eps. */
  state?: State;
  /** Default `'bhtd'`. */
  layout?: Layout;
  out?: O;
}

export interface StateOptions {
  /** Default 1. */
  batch?: number;
  /** Heads of k and v. */
  heads: number;
  /** Length of a query or key vector, 1 to 256. */
  dim: number;
  /** Length of a value vector, 1 to 256. Default `dim`. */
  valueDim?: number;
  /** Default `'elu'`. */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Default true. */
  normalize?: boolean;
  /** Default 1. */
  scale?: number;
  /** Default 1e-6. */
  eps?: number;
}

export interface StepOptions<O extends Out | undefined = Out | undefined> {
  /** As in LinearOptions, of this token: a number, `[batch, heads]`, or `[batch, heads, features]`. */
  decay?: Gate;
  /** As in LinearOptions, of this token: a number, `[batch, heads]`, or `[batch]` for all heads. */
  beta?: Gate;
  out?: O;
}

/** The recurrent state of linear attention: S = Σ φ(k)vᵀ and z = Σ φ(k), of a size that does not grow. */
export interface State {
  readonly batch: number;
  readonly heads: number;
  readonly dim: number;
  readonly valueDim: number;
  readonly featureMap: FeatureMap;
  readonly normalize: boolean;
  readonly scale: number;
  readonly eps: number;
  /** Live view of S, [batch, heads, features, valueDim]. */
  readonly data: Float32Array;
  /** Live view of z, [batch, heads, features]; null when the state is not normalised. */
  readonly keySum: Float32Array | null;
  /** Tokens seen. */
  readonly length: number;
  /** Bytes held. */
  readonly bytes: number;
  /**
   * One token: q [batch, query heads, dim], k [batch, heads, dim], v [batch, heads, valueDim]
   * → [batch, query heads, valueDim]. The batch axis may be left out when batch is 1.
   */
  step<O extends Out | undefined = undefined>(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options?: StepOptions<O>): ResultOf<O>;
  /** Overwrites S [batch, heads, features, valueDim] and z [batch, heads, features] (z only when normalised). */
  set(S: TensorLike | Tensor | Float32Array, z?: TensorLike | Tensor | Float32Array | null): void;
  /** Back to the empty state. */
  reset(): void;
  clone(): State;
  /** The state as bytes, for `attention.restore` on this or another instance. */
  save(): Uint8Array;
  dispose(): void;
  [Symbol.dispose](): void;
}

export interface CacheOptions {
  /** Default 1. */
  batch?: number;
  /** Heads of k and v. */
  heads: number;
  /** Length of a query or key vector, 1 to 256. */
  dim: number;
  /** Length of a value vector, 1 to 256. Default `dim`. */
  valueDim?: number;
  /** Tokens it can hold; all of it is allocated at once. */
  maxLength: number;
}

/** Softmax attention's counterpart of State: every key and value seen. Appending past maxLength throws `cache-full`. */
export interface Cache {
  readonly batch: number;
  readonly heads: number;
  readonly dim: number;
  readonly valueDim: number;
  readonly maxLength: number;
  /** Tokens held. */
  readonly length: number;
  /** Bytes held, for maxLength tokens. */
  readonly bytes: number;
  /** Forgets all tokens. */
  reset(): void;
  clone(): Cache;
  dispose(): void;
  [Symbol.dispose](): void;
}

export interface GapOptions {
  /** Default `'elu'`. */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Default false. */
  causal?: boolean;
  /** Default `'bhtd'`. */
  layout?: Layout;
}

/** How far linear attention L is from softmax attention S on the same q, k, v. Sums are taken in float64. */
export interface GapMeasures {
  /** ‖L−S‖ / ‖S‖ (Frobenius). */
  relativeError: number;
  /** max |L−S|. */
  maxError: number;
  /** ⟨L,S⟩ / (‖L‖‖S‖). */
  cosine: number;
  /** ‖M−S‖ / ‖S‖ with M the mean of the visible V: the floor to beat. */
  meanValueError: number;
  /** Mean over queries of KL(softmax weights ‖ linear weights), in nats. Infinity where a linear weight is 0 under a positive softmax weight, NaN where one is negative. */
  weightKL: number;
  /** Mean over queries of Σ_j |softmax weight − linear weight|, 0 … 2 for positive maps. */
  weightL1: number;
}

export interface Gap extends GapMeasures {
  /** The same measures for each batch and query head, batch-major. */
  perHead: Array<GapMeasures & { batch: number; head: number }>;
}

export interface WeightsOptions {
  kind: 'softmax' | 'linear';
  /** For `'linear'`. Default `'elu'`. */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Default false. */
  causal?: boolean;
  /** For `'softmax'`. Default 1/√dim. */
  scale?: number;
  /** Default `'bhtd'`. */
  layout?: Layout;
}

/** What every preset takes. All are causal, with the identity as feature map, and not normalised. */
export interface PresetOptions<O extends Out | undefined = Out | undefined> {
  /** Multiplies the output. Default: the state's, or 1/√dim (mamba2: 1). */
  scale?: number;
  keyLengths?: ArrayLike<number>;
  /** Made with `{ featureMap: 'identity', normalize: false, scale }`; read before, updated after. */
  state?: State;
  layout?: Layout;
  out?: O;
}

export interface RetentionOptions<O extends Out | undefined = Out | undefined> extends PresetOptions<O> {
  /** What head h keeps at every token, 0 to 1. Default 1 − 2^(−5−h). */
  gamma?: number | ArrayLike<number>;
}

/** A gate under one of its names: exactly one must be given. Shapes as `decay` of LinearOptions. */
export interface GateOptions {
  /** A logarithm, at most 0 (flash-linear-attention's name). */
  g?: Gate;
  /** The same under this library's name. */
  decay?: Gate;
  /** Its exponential, 0 to 1 (the papers' name). */
  alpha?: Gate;
}

export interface DeltaOptions {
  /** 0 to 1, as the papers have it. */
  beta: Gate;
  /** Takes beta up to 2. Default false. */
  allowNegativeEigenvalues?: boolean;
}

export interface Mamba2Options<O extends Out | undefined = Out | undefined> extends PresetOptions<O> {
  /** Adds D·x to the output: a number a head, or `[heads, valueDim]`. */
  D?: ArrayLike<number> | TensorLike;
  /** Added to dt, a number a head. */
  dtBias?: ArrayLike<number> | TensorLike;
  /** Δ = log(1 + exp(dt + dtBias)) instead of dt + dtBias. Default false. */
  dtSoftplus?: boolean;
}

export interface Attention {
  /** The build that runs. */
  readonly build: Build;
  /** The threads that run, the caller's included. */
  readonly threads: number;
  /** Why fewer threads run than were asked for; null when all do. */
  readonly threadsReason: string | null;
  /** Milliseconds that starting the threads took, once, inside createAttention; 0 with one thread. */
  readonly threadsStartMs: number;
  readonly version: string;
  /** Bytes in use inside the module by tensors, states and caches. */
  readonly memory: number;

  /**
   * Exact softmax attention, softmax(scale·qkᵀ)v. q [batch, heads, Tq, dim], k [batch, kvHeads, Tk, dim],
   * v [batch, kvHeads, Tk, valueDim] → [batch, heads, Tq, valueDim]. O(Tq·Tk·dim) time, no Tq×Tk matrix.
   */
  softmax<O extends Out | undefined = undefined>(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options?: SoftmaxOptions<O>): ResultOf<O>;
  /** Linear attention, φ(q)(φ(k)ᵀv) / φ(q)·Σφ(k). Shapes as `softmax`. O(T·features·valueDim) time. */
  linear<O extends Out | undefined = undefined>(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options?: LinearOptions<O>): ResultOf<O>;
  /** RetNet, Sun et al. 2023, eq. 5 to 8: decay log gamma. */
  retention<O extends Out | undefined = undefined>(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options?: RetentionOptions<O>): ResultOf<O>;
  /**
   * Mamba-2 (SSD), Dao & Gu 2024: S ← exp(ΔA)·S + B(Δx)ᵀ, y = SᵀC + D·x. x [batch, heads, length, valueDim], dt
   * [batch, heads, length], A [heads] (negative), B and C [batch, groups, length, dim] with groups dividing heads.
   * The state is [batch, heads, dim, valueDim]: the transpose of mamba's ssm_state.
   */
  mamba2<O extends Out | undefined = undefined>(x: TensorLike | Tensor, dt: TensorLike | Tensor, A: ArrayLike<number> | TensorLike, B: TensorLike | Tensor, C: TensorLike | Tensor, options?: Mamba2Options<O>): ResultOf<O>;
  /** Gated linear attention, Yang et al. 2024, eq. 3: a gate a head, token and channel of k. */
  gla<O extends Out | undefined = undefined>(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options: PresetOptions<O> & GateOptions): ResultOf<O>;
  /** DeltaNet, Yang et al. 2024 (Schlag et al. 2021, eq. 24). The caller normalises k to length 1. */
  deltaNet<O extends Out | undefined = undefined>(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options: PresetOptions<O> & DeltaOptions): ResultOf<O>;
  /** Gated DeltaNet, Yang et al. 2025, eq. 10: a gate a head and token. */
  gatedDeltaNet<O extends Out | undefined = undefined>(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options: PresetOptions<O> & GateOptions & DeltaOptions): ResultOf<O>;
  /** Kimi delta attention, Kimi Team 2025: a gate a head, token and channel of k. */
  kda<O extends Out | undefined = undefined>(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options: PresetOptions<O> & GateOptions & DeltaOptions): ResultOf<O>;
  /** A feature map to share between calls; one with weights holds memory until it is disposed of. */
  featureMap<N extends FeatureMapName>(name: N, options: FeatureMapOptionsByName[N]): FeatureMap;
  state(options: StateOptions): State;
  /** A state from what `state.save()` returned. Throws `corrupt-state` for anything else. */
  restore(bytes: Uint8Array): State;
  cache(options: CacheOptions): Cache;
  /** Measures linear against softmax attention, per head and overall. T×T is never stored. */
  gap(q: TensorLike | Tensor, k: TensorLike | Tensor, v: TensorLike | Tensor, options?: GapOptions): Gap;
  /** The attention weights, [batch, heads, Tq, Tk]; rows sum to 1. For pictures: it does store Tq×Tk. */
  weights(q: TensorLike | Tensor, k: TensorLike | Tensor, options: WeightsOptions): Result;
  /** A resident tensor, zero-filled unless `data` is given. Sizes ≥ 0. */
  tensor(shape: ArrayLike<number>, data?: ArrayLike<number>): Tensor;
  /** Ends the instance: everything made from it becomes unusable. */
  dispose(): void;
  [Symbol.dispose](): void;
}
