/** Linear attention: what its calls take, and what all calls that attend take. */
import type { FeatureMap, PlainFeatureMapName } from './feature_map.js';
import type { State } from './state.js';
import type { Gate, Integers, Layout, Out } from './tensor.js';

/** What every call that attends takes. */
export interface CallOptions<O extends Out | undefined> {
  /**
   * Per row of the batch, how many leading keys count: integers from 0 to the number of keys. Default: all.
   *
   * Those behind are never read. Every query is answered; one that sees no key gives 0.
   */
  keyLengths?: Integers;
  /** The order of the axes of q, k, v, gates and result. Default `'bhtd'`. */
  layout?: Layout;
  /**
   * Where the result goes: a resident tensor of its shape, or a Float32Array of its length. Default: a new array.
   *
   * It shares no memory with an input.
   */
  out?: O;
}

/** Which tokens of a call of linear attention are which row's. */
export interface RowSettings {
  /**
   * Per row of the batch, how many tokens of this call count, from starts on: a ragged batch, padded behind.
   *
   * Of the others nothing is read, results are 0, and the state, its positions included, goes on from the row's own length.
   * A row has the bits of a call of its own of more than one token; with threads they agree within rounding. Needs as many
   * queries as keys. Not with keyLengths. Default: all.
   */
  lengths?: Integers;
  /**
   * Per row of the batch, which token is its first: padding in front.
   *
   * Those before it are as those past lengths, which counts from here. Needs as many queries as keys. Not with keyLengths.
   * Default: 0.
   */
  starts?: Integers;
  /**
   * Where packed sequences of every row begin and end: `[0, 5, 12]` is one of 5 tokens and one of 7 (cu_seqlens of others).
   *
   * Begins with 0 and ends with the length of q and k. Each is as a call of its own without a state, positions counted from
   * its first token, to the bit; with threads they agree within rounding. Needs as many queries as keys. Not with lengths,
   * starts, keyLengths or a state. Default: one sequence.
   */
  sequences?: Integers;
}

interface LinearSettings<O extends Out | undefined> extends CallOptions<O>, RowSettings {
  /**
   * φ: a name with every option at its default, or what `attention.featureMap` made. Default: the state's, or `'elu'`.
   *
   * Its dim is that of q and k, and its heads are 1 or those of k. `'elu'` is x > 0 ? x + 1 : exp(x).
   */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Divide by scale·φ(q)·z + eps. Default: the state's, or true without decay and beta and false with them. */
  normalize?: boolean;
  /** Multiplies φ(q)·φ(k); finite. Default: the state's, or 1. */
  scale?: number;
  /** Added to the normaliser, ≥ 0. Default: the state's, or 1e-6. */
  eps?: number;
  /** Takes a decay above 0, up to 88, instead of refusing it. Default false. */
  allowGrowth?: boolean;
  /**
   * Read before, updated after; also sets the defaults of featureMap, normalize, scale and eps.
   *
   * A call that gives those otherwise is refused. It has the batch, dim, valueDim and heads of k and v, the larger number
   * where these differ. Default: nothing came before.
   */
  state?: State;
}

/** What `attention.absorb` takes beside k and v. */
export interface AbsorbOptions {
  /** The state that takes them in. */
  state: State;
  /** As of LinearOptions. Default: everything is kept. */
  decay?: Gate;
  /** As of LinearOptions. Default: values are added. */
  beta?: Gate;
  /** Takes a decay above 0, up to 88, instead of refusing it. Default false. */
  allowGrowth?: boolean;
  /** Per row of the batch, how many leading keys count. Not with lengths or starts. Default: all. */
  keyLengths?: Integers;
  /** Per row of the batch, how many tokens count, from starts on. Default: all. */
  lengths?: Integers;
  /** Per row of the batch, which token is its first. Default: 0. */
  starts?: Integers;
  /** The order of the axes of k, v and gates. Default `'bhtd'`. */
  layout?: Layout;
}

interface Ungated {
  /** Query i sees keys 0 … i only. Needs as many queries as keys. Default: false, or true with decay or beta. */
  causal?: boolean;
  /** Not given: with it, the call is causal. */
  decay?: undefined;
  /** Not given: with it, the call is causal. */
  beta?: undefined;
}

interface Gated {
  /** With decay and beta attention is causal, and needs as many queries as keys. Default: false, or true with decay or beta. */
  causal?: true;
  /**
   * Natural logarithm of what the state keeps at each token, at most 0 (−Infinity clears it).
   *
   * A number, one a head `[heads]`, one a head and token `[batch, heads, length]`, or one a head, token and feature
   * `[batch, heads, length, features]`; under `'bthd'` `[batch, length, heads]` and so on. These heads are those of the
   * state (the larger of k's and v's), those of k, or one for all. NaN is refused. Strong decay neither overflows nor loses
   * the result. Default: everything is kept.
   */
  decay?: Gate;
  /**
   * Selects the delta rule, u = beta·(v − Sᵀφ(k)) instead of u = v.
   *
   * A number, `[batch, heads, length]` with heads as in decay, or `[batch, length]` for all heads. The recurrence is stable for
   * 0 ≤ beta·‖φ(k)‖² ≤ 2: normalise keys to length 1. Outside it grows as the plain recurrence does, and results are
   * finite as long as that one's are. Not finite numbers are refused. Default: values are added.
   */
  beta?: Gate;
}

/** What `attention.linear` takes beside q, k and v. With decay or beta it is causal. */
export type LinearOptions<O extends Out | undefined = Out | undefined> = LinearSettings<O> & (Ungated | Gated);
