/** The options of every call, and what the measuring calls return. */
import type { FeatureMap, PlainFeatureMapName } from './feature_map.js';
import type { Cache, State } from './state.js';
import type { Gate, Input, Integers, Layout, Numbers, Out, Result } from './tensor.js';

/** What every call that attends takes. */
interface CallOptions<O extends Out | undefined> {
  /** Per batch, how many leading keys count: integers 0 … key length; every query is answered. Default: all. */
  keyLengths?: Integers;
  /** The order of the axes of q, k, v, gates and result. Default `'bhtd'`. */
  layout?: Layout;
  /** Where the result goes: a resident tensor of its shape, or a Float32Array of its length. Default: a new array. */
  out?: O;
}

/** What `attention.softmaxPart` takes beside q, k and v. */
export interface SoftmaxPartOptions extends Omit<CallOptions<undefined>, 'out'> {
  /**
   * Query i sees keys 0 … i only (top-left aligned, as in PyTorch); with a cache, all earlier keys as well.
   *
   * Default false, and true with causalOffset, window, sinks or a cache that has a window.
   */
  causal?: boolean;
  /** Multiplies q·k. Default 1/√dim. */
  scale?: number;
  /** k and v are appended to it first; attention runs over everything that it then holds. */
  cache?: Cache;
  /**
   * Query i stands at key i + causalOffset and sees the keys up to there; it may be negative. Default 0.
   *
   * With `causal: false` it sees all of them, and the offset tells slopes where it stands.
   */
  causalOffset?: number;
  /**
   * A query sees the last so many of those keys, its own counted: i − window + 1 … i. Default: all, or the cache's.
   *
   * Keys that no query sees take no time.
   */
  window?: number;
  /** Beside the window, the first so many keys of a sequence are always seen. Default 0, or the cache's. */
  sinks?: number;
  /** Scores become softcap·tanh(score/softcap), before bias and mask, as in Gemma 2. Default: they stay as they are. */
  softcap?: number;
  /**
   * Added to the scores: `[heads or 1, queries, keys]`, keys being all that a cache holds after the call.
   *
   * −Infinity hides a key, whatever it holds. An array of a number a head has slopes instead, ALiBi's: slope·|i − j| is
   * subtracted where the query stands at i and the key at j. Default: nothing.
   */
  bias?: Input | ArrayLike<number>;
  /**
   * Per batch, how many tokens of this call count, from starts on: a ragged batch, padded behind.
   *
   * Queries of the others give 0, their keys are not seen nor kept by the cache, whose rows go on from their own length.
   * Beside it keyLengths hides more keys. Needs as many queries as keys. Default: all.
   */
  lengths?: Integers;
  /**
   * Per batch, which token is the row's first: padding in front.
   *
   * Those before it are as those past lengths, which counts from here. Default: 0.
   */
  starts?: Integers;
  /**
   * Where packed sequences begin and end: `[0, 5, 12]` is one of 5 tokens and one of 7 (cu_seqlens of others).
   *
   * They do not see each other. Not with lengths, starts, keyLengths or a cache. Default: one sequence.
   */
  sequences?: Integers;
}

/** What `attention.softmax` takes beside q, k and v; a query that sees no key gives 0. */
export interface SoftmaxOptions<O extends Out | undefined = Out | undefined> extends SoftmaxPartOptions, Pick<CallOptions<O>, 'out'> {}

/** Attention over some keys, which `attention.mergeSoftmax` joins with attention over others. */
export interface SoftmaxPart {
  /** What softmax over these keys alone gives. */
  output: Result;
  /** The largest score of each query, of output's shape without its last axis; −Infinity where no key was seen. */
  maximum: Result;
  /** Σ exp(score − maximum) of each query; 0 where no key was seen. */
  sum: Result;
}

/** A part in any form that calls take. */
export interface SoftmaxPartInput {
  /** As output of SoftmaxPart. */
  readonly output: Input;
  /** As maximum of SoftmaxPart. */
  readonly maximum: Input;
  /** As sum of SoftmaxPart. */
  readonly sum: Input;
}

/** Which tokens of a call are which row's. */
interface RowOptions {
  /**
   * Per batch, how many tokens of this call count, from starts on: a ragged batch, padded behind.
   *
   * Of the others nothing is read, results are 0, and the state, its positions included, goes on from the row's own length.
   * A row has the bits of a call of its own of more than one token; with threads they agree within rounding. Needs as many
   * queries as keys. Not with keyLengths. Default: all.
   */
  lengths?: Integers;
  /**
   * Per batch, which token is the row's first: padding in front.
   *
   * Those before it are as those past lengths, which counts from here. Default: 0.
   */
  starts?: Integers;
  /**
   * Where packed sequences of every row begin and end: `[0, 5, 12]` is one of 5 tokens and one of 7 (cu_seqlens of others).
   *
   * Each is as a call of its own without a state, positions counted from its first token, to the bit; with threads they agree
   * within rounding. Not with lengths, starts, keyLengths or a state. Default: one sequence.
   */
  sequences?: Integers;
}

interface LinearSettings<O extends Out | undefined> extends CallOptions<O>, RowOptions {
  /**
   * φ of Katharopoulos et al. 2020, eq. 4.
   *
   * A name with every option at its default, or what `attention.featureMap` made. Default: the state's, or `'elu'`
   * (x > 0 ? x + 1 : exp(x)).
   */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Divide by scale·φ(q)·z + eps. Default: the state's, or true without decay and beta and false with. */
  normalize?: boolean;
  /** Multiplies φ(q)·φ(k). Default: the state's, or 1. */
  scale?: number;
  /** Added to the normaliser, ≥ 0. Default: the state's, or 1e-6. */
  eps?: number;
  /** Takes a decay above 0, up to 88, instead of refusing it. Default false. */
  allowGrowth?: boolean;
  /** Read before, updated after; also sets the defaults of featureMap, normalize, scale and eps. */
  state?: State;
}

/** What `attention.absorb` takes beside k and v. */
export interface AbsorbOptions {
  /** The state that takes them in. */
  state: State;
  /** As of LinearOptions. */
  decay?: Gate;
  /** As of LinearOptions. */
  beta?: Gate;
  /** Takes a decay above 0, up to 88, instead of refusing it. Default false. */
  allowGrowth?: boolean;
  /** Per batch, how many leading keys count. Default: all. */
  keyLengths?: Integers;
  /** Per batch, how many tokens count, from starts on. Default: all. */
  lengths?: Integers;
  /** Per batch, which token is the row's first. Default: 0. */
  starts?: Integers;
  /** The order of the axes of k, v and gates. Default `'bhtd'`. */
  layout?: Layout;
}

interface Ungated {
  /** Query i sees keys 0 … i only. Needs as many queries as keys. Default false (as in PyTorch). */
  causal?: boolean;
  /** Not given: with it, the call is causal. */
  decay?: undefined;
  /** Not given: with it, the call is causal. */
  beta?: undefined;
}

interface Gated {
  /** decay and beta are defined for causal attention only. Needs as many queries as keys. Default true with either. */
  causal?: true;
  /**
   * Natural logarithm of what the state keeps at each token, at most 0 (−Infinity clears it).
   *
   * A number, one a head `[heads]`, one a head and token `[batch, heads, length]`, or one a head, token and feature
   * `[batch, heads, length, features]`; under `'bthd'` `[batch, length, heads]` and so on. These heads are those of the
   * state (the larger of k's and v's), those of k, or one for all. Strong decay neither overflows nor loses the result.
   */
  decay?: Gate;
  /**
   * Selects the delta rule, u = beta·(v − Sᵀφ(k)) instead of u = v.
   *
   * A number, `[batch, heads, length]` with heads as in decay, or `[batch, length]` for all heads. The recurrence is stable for
   * 0 ≤ beta·‖φ(k)‖² ≤ 2: normalise keys to length 1. Outside it grows as the plain recurrence does, and results are
   * finite as long as that one's are.
   */
  beta?: Gate;
}

/** What `attention.linear` takes beside q, k and v. With decay or beta it is causal. */
export type LinearOptions<O extends Out | undefined = Out | undefined> = LinearSettings<O> & (Ungated | Gated);

/** What `attention.gap` takes beside q, k and v. */
export interface GapOptions {
  /** φ of the linear attention that is measured. Default `'elu'`. */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Query i sees keys 0 … i only, in both. Default false. */
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
  /** φ, for `'linear'`. Default `'elu'`. */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Query i sees keys 0 … i only. Default false. */
  causal?: boolean;
  /** Multiplies q·k, for `'softmax'`. Default 1/√dim. */
  scale?: number;
  /** The order of the axes of q and k. Default `'bhtd'`. */
  layout?: Layout;
}

/** What every preset takes. All are causal, with the identity as feature map, and not normalised. */
export interface PresetOptions<O extends Out | undefined = Out | undefined> extends CallOptions<O>, RowOptions {
  /** Multiplies the output. Default: the state's, or 1/√dim (mamba2: 1). */
  scale?: number;
  /** Made with `{ featureMap: 'identity', normalize: false, scale }`; read before, updated after. */
  state?: State;
}

/** What `attention.retention` takes beside q, k and v. */
export interface RetentionOptions<O extends Out | undefined = Out | undefined> extends PresetOptions<O> {
  /** What head h of the state keeps at every token, 0 to 1: a number, or one a head. Default 1 − 2^(−5−h). */
  gamma?: Gate;
}

/** One property of T, and none of the others. */
type ExactlyOne<T> = { [K in keyof T]: Pick<T, K> & { [Other in Exclude<keyof T, K>]?: undefined } }[keyof T];

/**
 * A gate under one of its names: exactly one must be given.
 *
 * Shapes as `decay` of LinearOptions.
 */
export type GateOptions = ExactlyOne<{
  /** A logarithm, at most 0 (flash-linear-attention's name). */
  g: Gate;
  /** A logarithm, at most 0 (this library's name; the same as g). */
  decay: Gate;
  /** Its exponential, 0 to 1 (the papers' name). */
  alpha: Gate;
}>;

/** The write strength of the delta rule. */
export interface DeltaOptions {
  /** How much of a key's old value is replaced, 0 to 1, as the papers have it. Shapes as `beta` of LinearOptions. */
  beta: Gate;
  /** Takes beta up to 2. Default false. */
  allowNegativeEigenvalues?: boolean;
}

/** What `attention.mamba2` takes beside its inputs. */
export interface Mamba2Options<O extends Out | undefined = Out | undefined> extends PresetOptions<O> {
  /** Adds D·x to the output: a number a head, or `[heads, valueDim]`. Default: nothing is added. */
  D?: Numbers;
  /** Added to dt, a number a head. Default 0. */
  dtBias?: Numbers;
  /** Δ = log(1 + exp(dt + dtBias)) instead of dt + dtBias. Default false. */
  dtSoftplus?: boolean;
}
