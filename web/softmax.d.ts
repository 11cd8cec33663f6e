/** Softmax attention: the options of its calls, and parts of it that can be joined. */
import type { Cache } from './cache.js';
import type { CallOptions } from './calls.js';
import type { Input, Integers, Out, Result } from './tensor.js';

/** What `attention.softmaxPart` takes beside q, k and v. */
export interface SoftmaxPartOptions extends Omit<CallOptions<undefined>, 'out' | 'keyLengths'> {
  /**
   * Query i sees keys 0 … i only (top-left aligned, as in PyTorch); with a cache, all earlier keys as well.
   *
   * Default: false, or true with causalOffset, window, sinks or a cache that has a window. `false` is refused with a window.
   */
  causal?: boolean;
  /** Multiplies q·k. Default 1/√dim. */
  scale?: number;
  /**
   * k and v are appended to it first; attention runs over everything that it then holds.
   *
   * It has the batch, heads, dim and valueDim of k and v. Default: k and v of this call are all there is.
   */
  cache?: Cache;
  /**
   * Query i stands at key i + causalOffset and sees the keys up to there; an integer, negative too. Default 0.
   *
   * With `causal: false` it sees all of them, and the offset tells slopes where it stands.
   */
  causalOffset?: number;
  /**
   * A query sees the last so many of those keys, its own counted; at least 1. Default: all, or the cache's.
   *
   * Query i sees keys i − window + 1 … i. Keys that no query sees take no time. With a cache that has a window, at most that one.
   */
  window?: number;
  /** Beside the window, which it needs, the first so many keys of a sequence are always seen. Default: 0, or the cache's. */
  sinks?: number;
  /**
   * Scores become softcap·tanh(score/softcap), before bias and mask, as in Gemma 2; above 0.
   *
   * Default: scores stay as they are.
   */
  softcap?: number;
  /**
   * Added to the scores: a tensor `[heads or 1, queries, keys]`, keys being all that a cache holds after the call.
   *
   * −Infinity hides a key, whatever it holds. An array of a number a head has slopes instead, ALiBi's: slope·|i − j| is
   * subtracted where the query stands at i and the key at j. With a cache that has a window there are slopes alone.
   * Default: nothing is added.
   */
  bias?: Input | ArrayLike<number>;
  /**
   * Per row of the batch, how many leading keys are seen, integers from 0 to the number of keys. Default: all.
   *
   * Of a cache those that it holds after the call; a cache that has a window refuses it.
   */
  keyLengths?: Integers;
  /**
   * Per row of the batch, how many tokens of this call count, from starts on: a ragged batch, padded behind.
   *
   * Queries of the others give 0, their keys are not seen nor kept by the cache, whose rows go on from their own length.
   * Beside it keyLengths hides more keys. Needs as many queries as keys. Default: all.
   */
  lengths?: Integers;
  /**
   * Per row of the batch, which token is its first: padding in front.
   *
   * Those before it are as those past lengths, which counts from here. Needs as many queries as keys. Default: 0.
   */
  starts?: Integers;
  /**
   * Where packed sequences begin and end: `[0, 5, 12]` is one of 5 tokens and one of 7 (cu_seqlens of others).
   *
   * They do not see each other. Begins with 0 and ends with the length of q and k. Not with lengths, starts, keyLengths or
   * a cache. Default: one sequence.
   */
  sequences?: Integers;
}

/** What `attention.softmax` takes beside q, k and v; a query that sees no key gives 0. */
export interface SoftmaxOptions<O extends Out | undefined = Out | undefined> extends SoftmaxPartOptions, Pick<CallOptions<O>, 'out'> {}

/** Attention over some keys, which `attention.mergeSoftmax` joins with attention over others. */
export interface SoftmaxPart {
  /** What softmax over these keys alone gives, of the shape of that result. */
  output: Result;
  /** The largest score of each query, of output's shape without its last axis; −Infinity where no key was seen. */
  maximum: Result;
  /** Σ exp(score − maximum) of each query, of maximum's shape; 0 where no key was seen. */
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
