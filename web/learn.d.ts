/**
 * linear-attention-wasm/learn: the main entry on modules that have gradients too, and the functions that use them, which
 * take the instance first. An instance of another entry has no gradients, and is refused.
 *
 * Gradients are those of sum(out ∘ dOut), each `{ data, shape }` of the shape of what it is of. They take O(length) time
 * and memory as attention does: nothing of length × length is stored, and no state a token.
 */
import type { LinearOptions } from './calls.js';
import type { FeatureMap } from './feature_map.js';
import type { Attention } from './index.js';
import type { SoftmaxOptions } from './softmax.js';
import type { Input, Layout, Result, Tensor } from './tensor.js';

export { distill } from './distill.js';
export type { DistillOptions, Distilled, Example, Examples, Measurement } from './distill.js';
export { AttentionError, createAttention, version } from './index.js';
export type { Attention, AttentionErrorCode, Build, CreateOptions } from './index.js';

/** Omit of every type of a union. */
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What `linearGradient` takes beside q, k, v and dOut: the options of `attention.linear`, but sequences and out. */
export type LinearGradientOptions = Without<LinearOptions<undefined>, 'sequences' | 'out'> & {
  /** Gradient of the S that the call leaves behind, [batch, heads, features, valueDim] or as many floats. Default 0. */
  dFinalState?: Input | Float32Array;
  /** Gradient of the z that it leaves behind, [batch, heads, features] or as many floats, where it is normalised. Default 0. */
  dFinalKeySum?: Input | Float32Array;
};

/** Gradients of what a feature map was made with, those options that it was given. */
export interface MapGradients {
  /** Of `weights`; where keys have none of their own, of theirs as well. */
  dWeights?: Result;
  /** Of `bias`; where keys have none of their own, of theirs as well. */
  dBias?: Result;
  /** Of `keyWeights`. */
  dKeyWeights?: Result;
  /** Of `keyBias`. */
  dKeyBias?: Result;
}

/** Gradients of q, k and v. */
export interface AttentionGradients {
  /** Of q; 0 where a query does not count. */
  dq: Result;
  /** Of k; 0 where a key does not count. */
  dk: Result;
  /** Of v; 0 where a key does not count. */
  dv: Result;
}

/** Gradients of what `attention.softmax` was given. */
export interface SoftmaxGradients extends AttentionGradients {
  /**
   * Of `bias`, of its shape, where `biasGradient` is true.
   *
   * Summed over the batch and the heads that share it; 0 where a bias of −Infinity hides a key.
   */
  dBias?: Result;
}

/** Gradients of what `attention.linear` was given; what was not given has none. */
export interface LinearGradients extends AttentionGradients, MapGradients {
  /**
   * Of decay, summed over all that shares a number; a number gives shape [].
   *
   * Its errors are relative to the products of the state with its gradient, of which strong decay and the delta rule leave
   * little.
   */
  dDecay?: Result;
  /** Of beta, summed likewise. */
  dBeta?: Result;
  /** Of the S that the state holds, [batch, heads, features, valueDim]. */
  dState?: Result;
  /** Of the z that the state holds, [batch, heads, features]; without it where the state is not normalised. */
  dKeySum?: Result;
}

/**
 * Gradients of sum(out ∘ dOut) + sum(S ∘ dFinalState) + sum(z ∘ dFinalKeySum) of `attention.linear`.
 *
 * S and z are the state after the call. `state` is that before it, and stays: take `clone()` before a call that updates it.
 * dState and dKeySum of a call are dFinalState and dFinalKeySum of the one before, so that a sequence may be split
 * anywhere. favor and rff: drawn rows have no gradient, and maxima that `epsilon` is relative to count as constants.
 *
 * @example const { dq, dk, dv } = linearGradient(attention, q, k, v, dOut, { causal: true });
 * @throws TypeError for an instance without gradients; RangeError where dOut has not the shape of the result
 */
export function linearGradient(attention: Attention, q: Input, k: Input, v: Input, dOut: Input, options?: LinearGradientOptions): LinearGradients;

/** What `softmaxGradient` takes beside q, k, v and dOut: the options of `attention.softmax`, but cache and out. */
export type SoftmaxGradientOptions = Omit<SoftmaxOptions<undefined>, 'cache' | 'out'> & {
  /**
   * Whether the gradient of `bias`, which it needs, is wanted as well. Default false.
   *
   * That of a tensor is as large as the tensor. One that all heads share is the sum of theirs, which one thread makes.
   */
  biasGradient?: boolean;
};

/**
 * Gradients of sum(out ∘ dOut) of `attention.softmax`.
 *
 * Weights are computed again from the maximum and sum of each row. Blocks of keys that no query sees take no time.
 *
 * @example const { dq, dk, dv } = softmaxGradient(attention, q, k, v, dOut, { window: 4, sinks: 1 });
 * @throws TypeError for an instance without gradients; RangeError where dOut has not the shape of the result
 */
export function softmaxGradient(attention: Attention, q: Input, k: Input, v: Input, dOut: Input, options?: SoftmaxGradientOptions): SoftmaxGradients;

/** What `weightsGradient` takes beside q and k. */
export interface WeightsGradientOptions {
  /** A map with weights, of `'hedgehog'` or `'learned'`. */
  featureMap: FeatureMap;
  /** Query i sees keys 0 … i only, in both. Needs as many queries as keys. Default false. */
  causal?: boolean;
  /** Multiplies q·k of softmax. Default 1/√dim. */
  softmaxScale?: number;
  /** The order of the axes of q and k. Default `'bhtd'`. */
  layout?: Layout;
}

/** How far a map's attention weights are from softmax's, and the gradients by the map. */
export interface WeightsGradients extends MapGradients {
  /** Mean over batch, heads and queries of −Σ_j p_j log a_j: p are the weights of softmax, a those of the map. */
  loss: number;
}

/**
 * The cross-entropy of a map's attention weights beside those of softmax, and its gradient (Zhang et al. 2024, eq. 5).
 *
 * Shapes as `attention.weights`, none of which are stored. Its least value is the entropy of softmax's weights.
 *
 * @example const { loss, dWeights } = weightsGradient(attention, q, k, { featureMap: map, causal: true });
 * @throws TypeError for an instance without gradients and for a map without weights
 */
export function weightsGradient(attention: Attention, q: Input, k: Input, options: WeightsGradientOptions): WeightsGradients;

/** What `adam` takes beside the parameters. */
export interface AdamOptions {
  /** Length of a step, ≥ 0. Default 1e-3. */
  learningRate?: number;
  /** What is kept of the mean of gradients at each step, at least 0 and below 1. Default 0.9. */
  beta1?: number;
  /** What is kept of the mean of their squares, at least 0 and below 1. Default 0.999. */
  beta2?: number;
  /** Added to the root of that mean, ≥ 0. Default 1e-8. */
  epsilon?: number;
  /** learningRate·weightDecay of a parameter is taken off it at each step (AdamW), ≥ 0. Default 0. */
  weightDecay?: number;
}

/** Adam on some resident tensors. */
export interface Optimizer {
  /** Bytes of what it keeps of the gradients: two floats a parameter. */
  readonly bytes: number;
  /**
   * One step against the gradients, one of each parameter's shape, in the order of the parameters.
   *
   * `learningRate` is for this step alone.
   *
   * @example optimizer.step([dWeights, dBias], { learningRate: 1e-3 });
   * @throws RangeError for another number of gradients or another shape
   */
  step(gradients: readonly Input[], options?: { learningRate?: number }): void;
  /** Gives its memory back; the parameters stay. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}

/**
 * AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019) on resident tensors, each given once.
 *
 * @example const optimizer = adam(attention, [attention.tensor([64, 64], weights)], { learningRate: 1e-2 });
 * @throws TypeError for an instance without gradients, and for what is no resident tensor
 */
export function adam(attention: Attention, parameters: readonly Tensor[], options?: AdamOptions): Optimizer;
