/** Feature maps φ: their names, options and what `attention.featureMap` returns. */
import type { Result, Tensor, TensorLike } from './index.js';

/** Names of the built-in feature maps. */
export type FeatureMapName =
  | 'elu' | 'relu' | 'identity'
  | 'favor' | 'rff'
  | 'dpfp' | 'taylor'
  | 'hedgehog' | 'learned'
  | 'cosformer';

/** Names that stand for a feature map by themselves, with every option at its default. */
export type PlainFeatureMapName = Exclude<FeatureMapName, 'learned' | 'cosformer'>;

export interface FeatureMapOptions {
  /** Length of a query or key vector, 1 to 256. */
  dim: number;
  /**
   * Heads with weights of their own; 1: all heads share them. Default: as many as the given weights have, else 1.
   * A map for N heads serves keys of N heads; query head h of H takes the weights of head h·N/H (rounded down).
   */
  heads?: number;
}

interface RandomOptions extends FeatureMapOptions {
  /** Length of φ(x), 1 to 65536. Default 4·dim, or what `projection` makes. */
  features?: number;
  /** Integer 0 … 2⁵³−1. The same seed gives the same bits in every build and engine. Default 0. */
  seed?: number;
  /** Rows orthogonal in blocks of dim, with the norms of independent normal vectors; false: independent rows. Default true. */
  orthogonal?: boolean;
  /** The rows ω themselves, [rows, dim] or [heads, rows, dim], instead of a draw. */
  projection?: TensorLike | Tensor;
}

/** FAVOR+, features of exp(q·k/√dim), one per row ω: m^(−1/2)·exp(ωᵀx − ‖x‖²/2) with x ← x·dim^(−1/4). Choromanski et al. 2021. */
export interface FavorOptions extends RandomOptions {
  /** exp(±ωᵀx − ‖x‖²/2): two features a row, as idiap/fast-transformers. Default false. */
  hyperbolic?: boolean;
  /** false leaves −‖x‖²/2 out: exp(Wx)/√m, which weighs a key by exp(‖k‖²/2) beyond softmax. Default true. */
  normTerm?: boolean;
  /**
   * Added to exp(ωᵀx − ‖x‖²/2 − max ωᵀx) before m^(−1/2), the maximum over the row for queries and over all keys for
   * keys; it pulls results towards the mean of V. Since it is relative to all keys of a call, causal rows
   * feel later keys through it, and splitting a sequence changes results. performer-pytorch has 1e-4. ≥ 0, default 0.
   */
  epsilon?: number;
}

/** Random Fourier features, two per row ω: exp(‖x‖²/2)·(2/m)^(1/2)·[cos ωᵀx, sin ωᵀx]. Not positive. Peng et al. 2021. */
export interface RffOptions extends RandomOptions {
  /** Leaves exp(‖x‖²/2) out: the Gaussian kernel exp(−‖q−k‖²/(2√dim)), as idiap/fast-transformers. Default false. */
  gaussian?: boolean;
}

/** y ⊙ roll(y, j), j = 1 … nu, y = [relu(x), relu(−x)]. Schlag et al. 2021 (flash-linear-attention has −relu(x) as second half). */
export interface DpfpOptions extends FeatureMapOptions {
  /** 1 to 2·dim − 1. Default 1. */
  nu?: number;
}

interface AffineOptions extends FeatureMapOptions {
  /** W of y = xW + b: [dim, columns] or [heads, dim, columns]. */
  weights?: TensorLike | Tensor;
  /** b: [columns] or [heads, columns]. Default 0. */
  bias?: TensorLike | Tensor;
  /** W of keys. Default `weights`. */
  keyWeights?: TensorLike | Tensor;
  /** b of keys. Default `bias`. */
  keyBias?: TensorLike | Tensor;
}

/** Softmaxes of ±y, no feature below 1e-12. Weights have dim columns; without any, y = x. Zhang et al. 2024. */
export interface HedgehogOptions extends AffineOptions {
  /** `'separate'`: [softmax(y), softmax(−y)], as HazyResearch/lolcats; `'joint'`: softmax([2y, −2y]), as flash-linear-attention. Default `'separate'`. */
  dialect?: 'separate' | 'joint';
}

/** relu(y): T2R, Kasai et al. 2021. 1 to 65536 columns. */
export interface LearnedOptions extends AffineOptions {
  weights: TensorLike | Tensor;
}

/** [relu(x)·sin θ, relu(x)·cos θ], θ = πi/(2·maxLength) at the i-th place, from 1. Qin et al. 2022. */
export interface CosformerOptions extends FeatureMapOptions {
  /** The longest sequence, fixed from the start: longer ones are refused. */
  maxLength: number;
}

/** The options of a feature map by its name. */
export interface FeatureMapOptionsByName {
  elu: FeatureMapOptions;
  relu: FeatureMapOptions;
  identity: FeatureMapOptions;
  favor: FavorOptions;
  rff: RffOptions;
  dpfp: DpfpOptions;
  /** [1, x, xᵢ²/√2, xᵢxⱼ for i < j] of x·dim^(−1/4): φ(q)·φ(k) = 1 + s + s²/2. Arora et al. 2024. */
  taylor: FeatureMapOptions;
  hedgehog: HedgehogOptions;
  learned: LearnedOptions;
  cosformer: CosformerOptions;
}

export interface FeatureMapApplyOptions {
  /** Default `'query'`. */
  as?: 'query' | 'key';
  /** Of the first vector of each sequence, from 0; it matters to cosformer. Default 0. */
  position?: number;
}

/** φ: R^dim → R^features, applied to queries and keys. Not to be changed; one map may serve many calls and states. */
export interface FeatureMap {
  readonly name: FeatureMapName;
  /** Length of its input. */
  readonly dim: number;
  /** Heads with weights of their own. */
  readonly heads: number;
  /** Length of its output, d'. */
  readonly features: number;
  /** Its other options, defaults filled in, weights left out. */
  readonly options: Readonly<Record<string, number | boolean | string>>;
  /** Bytes of weights held in the module. */
  readonly bytes: number;
  /**
   * φ of every vector of `x`, [..., dim] → [..., features]; infinite only where φ overflows float32, and 0 where it is
   * less than exp(−87) times the largest feature of its vector. With heads > 1
   * `x` is [..., heads, length, dim]; cosformer, and favor with epsilon, take the axis before the last as the sequence.
   * favor with epsilon leaves the maximum out that epsilon is relative to, as performer-pytorch does.
   */
  apply(x: TensorLike | Tensor, options?: FeatureMapApplyOptions): Result;
  /** Frees the weights; a disposed map is refused. Nothing happens to maps made from a name alone, which belong to the instance, or by restore, which go with the last state that holds them. */
  dispose(): void;
  [Symbol.dispose](): void;
}
