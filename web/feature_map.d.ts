/** Feature maps φ: their names, options and what `attention.featureMap` returns. */
import type { Input, Result } from './tensor.js';

/** Names of the built-in feature maps. */
export type FeatureMapName = keyof FeatureMapOptionsByName;

/** Names that stand for a feature map by themselves, with every option at its default. */
export type PlainFeatureMapName = Exclude<FeatureMapName, 'learned' | 'cosformer'>;

/** What `attention.featureMap` takes for every map. */
export interface FeatureMapOptions {
  /** Length of a query or key vector, 1 to 1024; of taylor 1 to 360, whose features are 65536 at most. */
  dim: number;
  /**
   * Heads with weights of their own, 1 to 65536; 1: all heads share them.
   *
   * Default: as many as the given weights have, else 1.
   * A map for N heads serves keys of N heads; head h of the result's H has its query mapped by the weights of its key's head,
   * h·N/H (rounded down), also where one query serves several. A state may have more heads than its keys, and its map then
   * fewer than it: a divisor of them.
   */
  heads?: number;
}

interface RandomSize extends FeatureMapOptions {
  /** Length of φ(x), 1 to 65536; even for rff and with hyperbolic. Default: 4·dim, or what projection makes. */
  features?: number;
}

interface Drawn {
  /** What the rows ω are drawn from, an integer 0 … 2⁵³−1: the same bits in every build and engine. Default 0. */
  seed?: number;
  /** Rows orthogonal in blocks of dim, with the norms of independent normal vectors; false: independent rows. Default true. */
  orthogonal?: boolean;
  /** Default: the rows are drawn. */
  projection?: undefined;
}

interface Projected {
  /** The rows ω themselves, [rows, dim] or [heads, rows, dim], instead of a draw: not beside seed and orthogonal. */
  projection: Input;
  /** Not given: nothing is drawn. */
  seed?: undefined;
  /** Not given: nothing is drawn. */
  orthogonal?: undefined;
}

/** Of a random map: how many features, and rows ω that are drawn or given. */
type RandomOptions = RandomSize & (Drawn | Projected);

interface FavorSettings {
  /** exp(±ωᵀx − ‖x‖²/2): two features a row, as idiap/fast-transformers. Default false. */
  hyperbolic?: boolean;
  /** false leaves −‖x‖²/2 out: exp(Wx)/√m, which weighs a key by exp(‖k‖²/2) beyond softmax. Default true. */
  normTerm?: boolean;
  /**
   * Added to exp(ωᵀx − ‖x‖²/2 − max ωᵀx) before m^(−1/2); at least 0. Default 0.
   *
   * The maximum is over the row for queries and over all keys for keys; epsilon pulls results towards the mean of V.
   * Since it is relative to all keys of a call, causal rows
   * feel later keys through it, and splitting a sequence changes results. performer-pytorch has 1e-4.
   */
  epsilon?: number;
}

/**
 * FAVOR+: positive random features of exp(q·k/√dim), one per row ω.
 *
 * m^(−1/2)·exp(ωᵀx − ‖x‖²/2) with x ← x·dim^(−1/4). Choromanski et al. 2021.
 */
export type FavorOptions = RandomOptions & FavorSettings;

interface RffSettings {
  /** Leaves exp(‖x‖²/2) out: the Gaussian kernel exp(−‖q−k‖²/(2√dim)), as idiap/fast-transformers. Default false. */
  gaussian?: boolean;
}

/**
 * Random Fourier features, two per row ω. Not positive.
 *
 * exp(‖x‖²/2)·(2/m)^(1/2)·[cos ωᵀx, sin ωᵀx] with x ← x·dim^(−1/4). Peng et al. 2021.
 */
export type RffOptions = RandomOptions & RffSettings;

/**
 * y ⊙ roll(y, j), j = 1 … nu, y = [relu(x), relu(−x)].
 *
 * Schlag et al. 2021 (flash-linear-attention has −relu(x) as second half).
 */
export interface DpfpOptions extends FeatureMapOptions {
  /** How many rolls, 1 to 2·dim − 1, and so many that features are at most 65536. Default 1. */
  nu?: number;
}

interface AffineOptions extends FeatureMapOptions {
  /** W of y = xW + b: [dim, columns] or [heads, dim, columns]. Default: the identity. */
  weights?: Input;
  /** b: [columns] or [heads, columns]. Default 0. */
  bias?: Input;
  /** W of keys, of the shapes of weights. Default: weights. */
  keyWeights?: Input;
  /** b of keys, of the shapes of bias. Default: bias. */
  keyBias?: Input;
}

/** Softmaxes of ±y, no feature below 1e-12; without weights, y = x. Zhang et al. 2024. */
export interface HedgehogOptions extends AffineOptions {
  /** Twice the columns of W, even, 2 to 65536; others than 2·dim need weights. Default: as many as weights make, else 2·dim. */
  features?: number;
  /**
   * One softmax each over y and −y, or one over both. Default `'separate'`.
   *
   * `'separate'`: [softmax(y), softmax(−y)], as HazyResearch/lolcats; `'joint'`: softmax([2y, −2y]), as
   * flash-linear-attention.
   */
  dialect?: 'separate' | 'joint';
}

/** relu(y): T2R, Kasai et al. 2021; or exp(y). 1 to 65536 columns. */
export interface LearnedOptions extends AffineOptions {
  /** W of y = xW + b: [dim, columns] or [heads, dim, columns], with 1 to 65536 columns. */
  weights: Input;
  /**
   * `'relu'`: max(y, 0); `'exp'`: exp(y), which is positive. Default `'relu'`.
   *
   * With `'exp'` sums are kept divided by exp of the largest y, so that they never overflow; eps is relative to the true ones.
   */
  activation?: 'relu' | 'exp';
}

/** [relu(x)·sin θ, relu(x)·cos θ], θ = πi/(2·maxLength) at the i-th place, from 1. Qin et al. 2022. */
export interface CosformerOptions extends FeatureMapOptions {
  /** The longest sequence, at least 1, fixed from the start: longer ones are refused. */
  maxLength: number;
}

/** The options of a feature map by its name. */
export interface FeatureMapOptionsByName {
  /** x > 0 ? x + 1 : exp(x). Katharopoulos et al. 2020. */
  elu: FeatureMapOptions;
  /** max(x, 0). */
  relu: FeatureMapOptions;
  /** x. Its normaliser may vanish. */
  identity: FeatureMapOptions;
  /** Positive random features. Choromanski et al. 2021. */
  favor: FavorOptions;
  /** Random Fourier features. Peng et al. 2021. */
  rff: RffOptions;
  /** Deterministic products of relu(±x). Schlag et al. 2021. */
  dpfp: DpfpOptions;
  /** [1, x, xᵢ²/√2, xᵢxⱼ for i < j] of x·dim^(−1/4): φ(q)·φ(k) = 1 + s + s²/2. Arora et al. 2024. */
  taylor: FeatureMapOptions;
  /** Softmaxes of ±(xW + b). Zhang et al. 2024. */
  hedgehog: HedgehogOptions;
  /** relu(xW + b), or exp(xW + b). Kasai et al. 2021. */
  learned: LearnedOptions;
  /** relu(x), weighed by its place. Qin et al. 2022. */
  cosformer: CosformerOptions;
}

/** The weights and biases that a map was given, each of the shape in which it was given; what was not given is absent. */
export interface FeatureMapWeights {
  /** W, [dim, columns] or [heads, dim, columns]. */
  weights?: Result;
  /** b, [columns] or [heads, columns]. */
  bias?: Result;
  /** W of keys. */
  keyWeights?: Result;
  /** b of keys. */
  keyBias?: Result;
}

/** What `map.apply` takes beside x. */
export interface FeatureMapApplyOptions {
  /** Which of the two the vectors are, where a map treats them differently. Default `'query'`. */
  as?: 'query' | 'key';
  /** Where the first vector of each sequence stands, an integer from 0; it matters to cosformer. Default 0. */
  position?: number;
}

/** φ: R^dim → R^features, applied to queries and keys. Not to be changed; one map may serve many calls and states. */
export interface FeatureMap {
  /** Under which it was made. */
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
  /** Copies of the weights and biases of hedgehog and learned, made anew each time they are read; null of a map without. */
  readonly weights: FeatureMapWeights | null;
  /**
   * φ of every vector of `x`, [..., dim] → [..., features].
   *
   * Infinite only where φ overflows float32, and 0 where it is less than exp(−87) times the largest feature of its vector. With heads > 1
   * `x` is [..., heads, length, dim]; cosformer, and favor with epsilon, take the axis before the last as the sequence.
   * favor with epsilon leaves the maximum out that epsilon is relative to, as performer-pytorch does.
   *
   * @example const { data, shape } = map.apply(k, { as: 'key' });
   * @throws RangeError for a wrong shape or a place beyond maxLength, AttentionError 'disposed'
   */
  apply(x: Input, options?: FeatureMapApplyOptions): Result;
  /**
   * The map as bytes, for `attention.restoreMap` on this or another instance.
   *
   * A map that was drawn is saved as its seed.
   *
   * @example const again = attention.restoreMap(map.save());
   * @throws AttentionError 'disposed'
   */
  save(): Uint8Array;
  /**
   * Frees the weights; a disposed map is refused.
   *
   * Maps made from a name alone, or by restore, belong to the instance: nothing happens.
   */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}
