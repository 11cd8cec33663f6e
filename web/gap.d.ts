/** How linear attention differs from softmax attention: what is asked and what is measured. */
import type { FeatureMap, PlainFeatureMapName } from './feature_map.js';
import type { Layout } from './tensor.js';

/** What `attention.gap` takes beside q, k and v. */
export interface GapOptions {
  /** φ of the linear attention that is measured, a name or a map for 1 head or those of k. Default `'elu'`. */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Query i sees keys 0 … i only, in both. Needs as many queries as keys. Default false. */
  causal?: boolean;
  /** Multiplies φ(q)·φ(k), as in linear. Default 1. */
  scale?: number;
  /** Multiplies q·k of softmax. Default 1/√dim. */
  softmaxScale?: number;
  /** Added to the normaliser of linear, ≥ 0: its weights then sum to a little less than 1. Default 1e-6. */
  eps?: number;
  /** The order of the axes of q, k and v. Default `'bhtd'`. */
  layout?: Layout;
}

/**
 * How far linear attention L is from softmax attention S on the same q, k, v.
 *
 * Sums are taken in float64. All measures of a call speak of the same weights, with its scale, softmaxScale and eps. An
 * error of nothing is 0 where it is nothing as well (V = 0), else Infinity.
 */
export interface GapMeasures {
  /** ‖L−S‖ / ‖S‖ (Frobenius). */
  relativeError: number;
  /** max |L−S|. */
  maxError: number;
  /** ⟨L,S⟩ / (‖L‖‖S‖); 1 where both are 0, 0 where one is. */
  cosine: number;
  /** ‖M−S‖ / ‖S‖ with M the mean of the visible V: the floor to beat. */
  meanValueError: number;
  /**
   * Mean over queries of KL(softmax weights ‖ linear weights), in nats.
   *
   * Infinity where a linear weight is 0 under a positive softmax weight, NaN where one is negative.
   */
  weightKL: number;
  /** Mean over queries of Σ_j |softmax weight − linear weight|, 0 … 2 for positive maps. */
  weightL1: number;
  /** ‖P−W‖ / ‖P‖ (Frobenius) with P the softmax weights and W the linear ones. */
  weightError: number;
}

/** What `attention.gap` returns: the measures of everything, and of each head. */
export interface Gap extends GapMeasures {
  /** The same measures for each batch and query head, batch-major. */
  perHead: Array<GapMeasures & { batch: number; head: number }>;
}

/** What `attention.weights` takes beside q and k. */
export interface WeightsOptions {
  /** Whose weights. */
  kind: 'softmax' | 'linear';
  /** φ, for `'linear'`: a name or a map for 1 head or those of k. Default `'elu'`. */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Query i sees keys 0 … i only. Default false. */
  causal?: boolean;
  /** Multiplies q·k, for `'softmax'`. Default 1/√dim. */
  scale?: number;
  /** The order of the axes of q and k. Default `'bhtd'`. */
  layout?: Layout;
}
