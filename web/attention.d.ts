/// <reference lib="esnext.disposable" />

/** An instance and its calls. index.d.ts says what holds for all of them: layouts, heads, sizes, errors. */
import type { Cache, CacheOptions } from './cache.js';
import type { AbsorbOptions, LinearOptions } from './calls.js';
import type { FeatureMap, FeatureMapName, FeatureMapOptionsByName } from './feature_map.js';
import type { Gap, GapOptions, WeightsOptions } from './gap.js';
import type { DeltaOptions, GateOptions, Mamba2Options, PresetOptions, RetentionOptions } from './presets.js';
import type { SoftmaxOptions, SoftmaxPart, SoftmaxPartInput, SoftmaxPartOptions } from './softmax.js';
import type { State, StateOptions } from './state.js';
import type { Input, Numbers, Out, Result, ResultOf, Sizes, Tensor } from './tensor.js';

/** The compiled variants of the C core. */
export type Build = 'simd' | 'relaxed' | 'scalar';

/**
 * An instance: the compiled module with a memory of its own, and every call on it.
 *
 * Every call throws TypeError for a wrong kind, RangeError for a wrong shape or value, and AttentionError 'disposed',
 * 'out-of-memory', 'thread-failed' or 'internal'; it has then changed no state and leaks nothing.
 */
export interface Attention {
  /** The build that runs. */
  readonly build: Build;
  /** The threads that run, the caller's included. */
  readonly threads: number;
  /** Why fewer threads run than were asked for; null when all do. */
  readonly threadsReason: string | null;
  /** Milliseconds that starting the threads took, once, inside createAttention; 0 with one thread. */
  readonly threadsStartMs: number;
  /** The version of the package. */
  readonly version: string;
  /**
   * Bytes in use inside the module by tensors, states, caches and the weights of feature maps.
   *
   * Of maps: those made here, those that restored states hold, and those of names (`'favor'`, `'rff'`), which stay as long
   * as the instance.
   */
  readonly memory: number;

  /**
   * Exact softmax attention, softmax(scale·qkᵀ)v.
   *
   * q [batch, heads, Tq, dim], k [batch, kvHeads, Tk, dim], v [batch, kvHeads, Tk, valueDim] → [batch, heads, Tq,
   * valueDim]. O(Tq·Tk·dim) time, no Tq×Tk matrix.
   *
   * @example const { data, shape } = attention.softmax(q, k, v, { causal: true });
   * @throws AttentionError 'cache-full' where the cache has no room for k and v
   */
  softmax<O extends Out | undefined = undefined>(q: Input, k: Input, v: Input, options?: SoftmaxOptions<O>): ResultOf<O>;
  /**
   * Softmax attention over some of the keys, to be merged with that over the others.
   *
   * Shapes as `softmax`. A query is where it is in the whole sequence: with keys that begin s tokens later, causalOffset −s.
   *
   * @example const part = attention.softmaxPart(q, k2, v2, { causalOffset: -k1.shape[2] });
   * @throws AttentionError 'cache-full' where the cache has no room for k and v
   */
  softmaxPart(q: Input, k: Input, v: Input, options?: SoftmaxPartOptions): SoftmaxPart;
  /**
   * The part over the keys of two parts with the same queries, in any order: exactly softmax over all of them.
   *
   * @example const { output } = attention.mergeSoftmax(attention.softmaxPart(q, k1, v1), attention.softmaxPart(q, k2, v2));
   * @throws RangeError where shapes differ
   */
  mergeSoftmax(a: SoftmaxPartInput, b: SoftmaxPartInput): SoftmaxPart;
  /**
   * Linear attention, φ(q)(φ(k)ᵀv) / φ(q)·Σφ(k).
   *
   * q [batch, qHeads, Tq, dim], k [batch, kHeads, Tk, dim], v [batch, vHeads, Tk, valueDim] → [batch, heads, Tq, valueDim]
   * with the most of these heads. O(T·features·valueDim) time.
   *
   * @example const { data } = attention.linear(q, k, v, { featureMap: 'elu', causal: true });
   * @throws RangeError for a decay above 0, for `causal: false` with decay or beta, and for what the state has otherwise
   */
  linear<O extends Out | undefined = undefined>(q: Input, k: Input, v: Input, options?: LinearOptions<O>): ResultOf<O>;
  /**
   * What `linear` does to a state, without its results: a prompt whose outputs nobody asks for.
   *
   * k [batch, kHeads, Tk, dim], v [batch, vHeads, Tk, valueDim]. Returns the state, which is that of `linear` within rounding;
   * of one token, that of `step` to the bit. Takes 0.4 to 0.5 of the time of a causal `linear`, with the delta rule 0.6 to 0.7.
   *
   * @example attention.absorb(k, v, { state });
   * @throws TypeError without a state, RangeError for a decay above 0, and for what the state has otherwise
   */
  absorb(k: Input, v: Input, options: AbsorbOptions): State;
  /**
   * RetNet: linear attention that decays by head.
   *
   * Sun et al. 2023, eq. 5 to 8, with decay log gamma. Shapes as `linear`.
   *
   * @example const { data } = attention.retention(q, k, v, { gamma: 0.97 });
   * @throws RangeError for gamma outside 0 to 1
   */
  retention<O extends Out | undefined = undefined>(q: Input, k: Input, v: Input, options?: RetentionOptions<O>): ResultOf<O>;
  /**
   * Mamba-2 (SSD): S ← exp(ΔA)·S + B(Δx)ᵀ, y = SᵀC + D·x.
   *
   * Dao & Gu 2024. x [batch, heads, length, valueDim], dt [batch, heads, length], A [heads] (negative), B and C
   * [batch, groups, length, dim] with groups dividing heads → the shape of x. The state is [batch, heads, dim, valueDim]:
   * the transpose of mamba's ssm_state.
   *
   * @example const { data } = attention.mamba2(x, dt, [-1, -2], B, C, { dtSoftplus: true });
   * @throws RangeError where dt·A is above 0
   */
  mamba2<O extends Out | undefined = undefined>(x: Input, dt: Input, A: Numbers, B: Input, C: Input, options?: Mamba2Options<O>): ResultOf<O>;
  /**
   * Gated linear attention: a gate a head, token and channel of k.
   *
   * Yang et al. 2024, eq. 3. Shapes as `linear`.
   *
   * @example const { data } = attention.gla(q, k, v, { g: gates });
   * @throws TypeError unless exactly one of g, decay and alpha is given, RangeError for a gate out of its range
   */
  gla<O extends Out | undefined = undefined>(q: Input, k: Input, v: Input, options: PresetOptions<O> & GateOptions): ResultOf<O>;
  /**
   * DeltaNet: a key's old value is replaced instead of added to.
   *
   * Yang et al. 2024 (Schlag et al. 2021, eq. 24). The caller normalises k to length 1. Shapes as `linear`.
   *
   * @example const { data } = attention.deltaNet(q, k, v, { beta: 0.5 });
   * @throws TypeError without beta, RangeError for beta outside 0 to 1
   */
  deltaNet<O extends Out | undefined = undefined>(q: Input, k: Input, v: Input, options: PresetOptions<O> & DeltaOptions): ResultOf<O>;
  /**
   * Gated DeltaNet: the delta rule with a gate a head and token.
   *
   * Yang et al. 2025, eq. 10. The caller normalises k to length 1. Shapes as `linear`.
   *
   * @example const { data } = attention.gatedDeltaNet(q, k, v, { alpha: 0.9, beta: 0.5 });
   * @throws TypeError unless exactly one of g, decay and alpha is given, RangeError for a gate or beta out of its range
   */
  gatedDeltaNet<O extends Out | undefined = undefined>(q: Input, k: Input, v: Input, options: PresetOptions<O> & GateOptions & DeltaOptions): ResultOf<O>;
  /**
   * Kimi delta attention: the delta rule with a gate a head, token and channel of k.
   *
   * Kimi Team 2025. The caller normalises k to length 1. Shapes as `linear`.
   *
   * @example const { data } = attention.kda(q, k, v, { g: gates, beta: 0.5 });
   * @throws TypeError unless exactly one of g, decay and alpha is given, RangeError for a gate or beta out of its range
   */
  kda<O extends Out | undefined = undefined>(q: Input, k: Input, v: Input, options: PresetOptions<O> & GateOptions & DeltaOptions): ResultOf<O>;
  /**
   * A feature map to share between calls and states.
   *
   * One with weights holds memory until it is disposed of.
   *
   * @example const map = attention.featureMap('favor', { dim: 64, features: 128 });
   * @throws TypeError for an option that the map needs or does not have, RangeError for a wrong value
   */
  featureMap<N extends FeatureMapName>(name: N, options: FeatureMapOptionsByName[N]): FeatureMap;
  /**
   * An empty state of linear attention.
   *
   * @example const state = attention.state({ heads: 8, dim: 64 });
   * @throws AttentionError 'out-of-memory'
   */
  state(options: StateOptions): State;
  /**
   * A state from what `state.save()` returned.
   *
   * @example const state = attention.restore(bytes);
   * @throws AttentionError 'corrupt-state' for anything else
   */
  restore(bytes: Uint8Array): State;
  /**
   * A feature map from what `map.save()` returned, with the same bits of φ.
   *
   * It is the caller's, who disposes of it.
   *
   * @example const map = attention.restoreMap(bytes);
   * @throws AttentionError 'corrupt-state' for anything else
   */
  restoreMap(bytes: Uint8Array): FeatureMap;
  /**
   * An empty cache of softmax attention.
   *
   * @example const cache = attention.cache({ heads: 8, dim: 64, maxLength: 4096 });
   * @throws AttentionError 'out-of-memory'
   */
  cache(options: CacheOptions): Cache;
  /**
   * A cache from what `cache.save()` returned.
   *
   * @example const cache = attention.restoreCache(bytes);
   * @throws AttentionError 'corrupt-state' for anything else
   */
  restoreCache(bytes: Uint8Array): Cache;
  /**
   * How far linear attention is from softmax attention, per head and overall.
   *
   * Shapes as `softmax`. T×T is never stored.
   *
   * @example const { relativeError, perHead } = attention.gap(q, k, v, { featureMap: 'taylor' });
   * @throws RangeError where causal and q and k differ in length
   */
  gap(q: Input, k: Input, v: Input, options?: GapOptions): Gap;
  /**
   * The attention weights, [batch, heads, Tq, Tk]; rows sum to 1.
   *
   * For pictures: it does store Tq×Tk.
   *
   * @example const { data } = attention.weights(q, k, { kind: 'softmax', causal: true });
   * @throws TypeError without kind
   */
  weights(q: Input, k: Input, options: WeightsOptions): Result;
  /**
   * A resident tensor, zero-filled unless `data` is given.
   *
   * Sizes ≥ 0.
   *
   * @example const q = attention.tensor([1, 8, 4096, 64]);
   * @throws RangeError where data is not as long as shape says, AttentionError 'out-of-memory'
   */
  tensor(shape: Sizes, data?: ArrayLike<number>): Tensor;
  /** Ends the instance: everything made from it becomes unusable. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}
