/** The state of linear attention: what it remembers between calls. */
import type { FeatureMap, PlainFeatureMapName } from './feature_map.js';
import type { Gate, Input, Integers, Out, ResultOf } from './tensor.js';

/** The sizes that a state and a cache share. */
export interface MemorySizes {
  /** Sequences at once, at least 1. Default 1. */
  batch?: number;
  /** Heads of k and v, at least 1; of a state, where these differ, the larger number. */
  heads: number;
  /** Length of a query or key vector, 1 to 1024. */
  dim: number;
  /** Length of a value vector, 1 to 8192. Default dim. */
  valueDim?: number;
}

/** What `attention.state` takes; calls with the state have these settings as their defaults, and may give no others. */
export interface StateOptions extends MemorySizes {
  /** φ, by its name or as `attention.featureMap` made it, for 1 head or a divisor of heads. Default `'elu'`. */
  featureMap?: PlainFeatureMapName | FeatureMap;
  /** Whether Σφ(k) is kept, by which results are divided. The presets need false. Default true. */
  normalize?: boolean;
  /** Multiplies φ(q)·φ(k); finite. The presets but mamba2 need 1/√dim. Default 1. */
  scale?: number;
  /**
   * Added to the normaliser, ≥ 0. Default 1e-6.
   *
   * With 0 a result stays the ratio that it is when decay takes both of its sums below float32's range; 0 where nothing
   * was seen.
   */
  eps?: number;
  /**
   * How many tokens `rewind` can take back, of as many calls, an integer. Default 0.
   *
   * Costs two more copies of the state, and up to 4·history tokens (64 at least) of k, v and gates.
   */
  history?: number;
  /**
   * Whether it is also kept what the tokens do to an earlier state, for `merge`. Default false.
   *
   * Sums need nothing for it, decay a number a feature; the delta rule a matrix, features × features to 1024, which is
   * a second state: prompts take 1.7 to 1.9 times as long, steps 3.2 to 3.4 times. Not with history, nor with favor's epsilon.
   */
  transition?: boolean;
  /** Where the first token stands in its sequence, from 0, for `merge` and the positions of cosformer. Default 0. */
  start?: number;
}

/** What `state.step` takes beside q, k and v. */
export interface StepOptions<O extends Out | undefined = Out | undefined> {
  /**
   * Natural logarithm of what the state keeps before this token, at most 0.
   *
   * A number, one a head `[heads]`, `[batch, heads]`, or `[batch, heads, features]`, of the state's heads, of k's, or one
   * for all. Default: everything is kept.
   */
  decay?: Gate;
  /**
   * Selects the delta rule, u = beta·(v − Sᵀφ(k)) instead of u = v.
   *
   * A number, `[batch, heads]` with heads as in decay, or `[batch]` for all heads. Default: values are added.
   */
  beta?: Gate;
  /**
   * Per row of the batch, whether it takes the token: 1, or 0 where it has none.
   *
   * Then nothing of it is read, its result is 0, and its state stays as it is. Default: all 1.
   */
  lengths?: Integers;
  /** Where the result goes: a resident tensor of its shape, or a Float32Array of its length. Default: a new array. */
  out?: O;
}

/**
 * The recurrent state of linear attention.
 *
 * S = Σ φ(k)vᵀ and, where it is normalised, z = Σ φ(k): of a size that does not grow. Both are kept in two parts, so that
 * they stay right however many tokens come, and the last 16 tokens beside them.
 */
export interface State {
  /** Sequences at once; `select` changes it. */
  readonly batch: number;
  /** Heads of k and v; the larger number where these differ. */
  readonly heads: number;
  /** Length of a query or key vector. */
  readonly dim: number;
  /** Length of a value vector. */
  readonly valueDim: number;
  /** φ. */
  readonly featureMap: FeatureMap;
  /** Whether results are divided by scale·φ(q)·z + eps. */
  readonly normalize: boolean;
  /** Multiplies φ(q)·φ(k). */
  readonly scale: number;
  /** Added to the normaliser. */
  readonly eps: number;
  /** How many tokens can be taken back. */
  readonly history: number;
  /** Whether it is kept what the tokens do to an earlier state. */
  readonly transition: boolean;
  /** Where the first token stands in its sequence. */
  readonly start: number;
  /**
   * S, [batch, heads, features, valueDim]: a copy, made anew each time it is read. To change a state there is `set`.
   *
   * Of favor, rff and learned maps with exp, and with eps 0 of all maps, divided by exp of a number a head where the sums would leave float32's
   * range; that number is 0 while they do not, and goes with save and clone.
   */
  readonly data: Float32Array;
  /** z, [batch, heads, features], as `data`: a copy; null when the state is not normalised. */
  readonly keySum: Float32Array | null;
  /**
   * Tokens seen, by the row of the batch that has seen most.
   *
   * Each row counts its own, `lengths`: what does not count in a call is not seen. Exact to 2^53.
   */
  readonly length: number;
  /** Tokens seen, by each row of the batch: a copy. */
  readonly lengths: number[];
  /** Bytes held: twice those of S and z, and 16 tokens of features + valueDim floats a head. */
  readonly bytes: number;
  /**
   * Takes in one token and answers it.
   *
   * q [batch, qHeads, dim], k [batch, kHeads, dim], v [batch, vHeads, valueDim] → [batch, H, valueDim] with H the most of
   * these heads, which go together as in `linear`. The batch axis may be left out when batch is 1.
   *
   * @example const { data } = state.step(q, k, v);
   * @throws TypeError for a wrong kind, RangeError for a wrong shape or a decay above 0, AttentionError 'disposed' or
   * 'out-of-memory'; the state is then as it was
   */
  step<O extends Out | undefined = undefined>(q: Input, k: Input, v: Input, options?: StepOptions<O>): ResultOf<O>;
  /**
   * Overwrites S and z.
   *
   * S [batch, heads, features, valueDim]; z [batch, heads, features], given when the state is normalised and only then.
   *
   * @example state.set(saved.S, saved.z);
   * @throws TypeError where z is missing or too much, RangeError for a wrong shape, AttentionError 'unsupported' of a state
   * with a transition, and of favor, rff, learned with exp and cosformer after tokens, whose states hold more than S and z
   */
  set(S: Input | Float32Array, z?: Input | Float32Array | null): void;
  /**
   * Back to the empty state: all rows of the batch, or those whose numbers are given. The others keep their bits.
   *
   * @example state.reset([2]);
   * @throws RangeError for a row that there is not
   */
  reset(rows?: Integers): void;
  /**
   * Has row i of the batch become what row rows[i] is.
   *
   * As many rows as are told, in any order and any of them more than once: to branch, to drop and to reorder the sequences
   * of a beam search. `batch` becomes the length of the list.
   *
   * @example state.select([0, 0, 2]);
   * @throws RangeError for a row that there is not, AttentionError 'out-of-memory'; the state is then as it was
   */
  select(rows: Integers): void;
  /**
   * Takes the last n tokens back, of every row of the batch or a number each.
   *
   * What is left is, bit for bit, the state that the same calls without them leave; a `linear` call that is taken back in part
   * counts as one whose `lengths` were smaller. At most `history`, and no further than to the last call of more tokens
   * than that, or with other queries than keys, or to `set`, `reset`, `select`, `copyFrom` or `restore`.
   *
   * @example state.rewind(rejected);
   * @throws RangeError where so many cannot be taken back, AttentionError 'unsupported' of a state without history,
   * 'out-of-memory'; the state is then as it was
   */
  rewind(n: number | Integers): void;
  /**
   * Becomes the state after its own tokens and those of `later`, which stays as it is; returns this state.
   *
   * `later` has a transition, and starts where this state ends. Any neighbours of a sequence that is cut may be merged first,
   * also where this state has a transition itself. Sums are read as float32 numbers: those below its range count as 0.
   *
   * @example earlier.merge(later);
   * @throws RangeError for a gap, an overlap, or a state with other settings, AttentionError 'unsupported' where later has no
   * transition, 'out-of-memory'; both states are then as they were
   */
  merge(later: State): State;
  /**
   * Becomes what another state is, bit for bit, without new memory. Of either's history nothing is kept.
   *
   * @example state.copyFrom(before);
   * @throws RangeError unless both have the same sizes, feature map, normalize, scale, eps and start, and where this state
   * has a transition and the other has none
   */
  copyFrom(other: State): void;
  /**
   * A state of its own with the same content and history.
   *
   * @example const before = state.clone();
   * @throws AttentionError 'out-of-memory'
   */
  clone(): State;
  /**
   * The state as bytes, without its history, for `attention.restore` on this or another instance.
   *
   * @example const again = attention.restore(state.save());
   */
  save(): Uint8Array;
  /** Gives its memory back; what uses it afterwards throws 'disposed'. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}
