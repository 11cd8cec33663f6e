/** The cache of softmax attention: what it remembers between calls. */
import type { MemorySizes } from './state.js';
import type { Integers } from './tensor.js';

/** What `attention.cache` takes: maxLength, or a window. */
export type CacheOptions = MemorySizes & (
  | {
      /** Tokens it can hold, at least 1; all of it is allocated at once. */
      maxLength: number;
      /** Default: every token is kept. */
      window?: undefined;
      /** Not given: it needs a window. */
      sinks?: undefined;
    }
  | {
      /** Tokens it takes, at least 1. Default: any number of tokens. */
      maxLength?: number;
      /** The last so many tokens are kept, at least 1, and 64 or a quarter more, which `truncate` can take back. */
      window: number;
      /** The first so many tokens are kept too. Default 0. */
      sinks?: number;
    }
);

/**
 * Softmax attention's counterpart of State: every key and value seen, or with a window the first and the last of them.
 *
 * Appending past maxLength throws AttentionError 'cache-full'.
 */
export interface Cache {
  /** Sequences at once. */
  readonly batch: number;
  /** Heads of k and v. */
  readonly heads: number;
  /** Length of a query or key vector. */
  readonly dim: number;
  /** Length of a value vector. */
  readonly valueDim: number;
  /** Tokens it can hold; with a window, take. */
  readonly maxLength: number;
  /** The last tokens that it keeps; null where it keeps all of them. */
  readonly window: number | null;
  /** The first tokens that it keeps beside its window. */
  readonly sinks: number;
  /** Tokens seen, by the row of the batch that has seen most. */
  readonly length: number;
  /** Tokens seen, a number a row. */
  readonly lengths: number[];
  /** Bytes held, for maxLength tokens; with a window for these and their slack. */
  readonly bytes: number;
  /**
   * Forgets the tokens from `length` on, in every row; an integer from 0 to the cache's length.
   *
   * @example cache.truncate(cache.length - rejected);
   * @throws RangeError past the length, and where a window has dropped what is needed there
   */
  truncate(length: number): void;
  /**
   * Row i becomes what row `rows[i]` was; as many numbers as there are rows.
   *
   * @example cache.select([2, 0, 0]); // a beam search
   * @throws RangeError for a row that there is not, and for another number of them
   */
  select(rows: Integers): void;
  /**
   * Becomes what a cache of the same sizes, window and sinks is; maxLength may differ.
   *
   * @example cache.copyFrom(prompt);
   * @throws RangeError where sizes differ, AttentionError 'cache-full' where there is no room
   */
  copyFrom(other: Cache): void;
  /**
   * Forgets all tokens, or those of the rows whose numbers are given.
   *
   * @example cache.reset([2]);
   * @throws RangeError for a row that there is not
   */
  reset(rows?: Integers): void;
  /**
   * The cache as bytes, for `attention.restoreCache` on this or another instance.
   *
   * @example const again = attention.restoreCache(cache.save());
   */
  save(): Uint8Array;
  /**
   * A cache of its own with the same content.
   *
   * @example const before = cache.clone();
   * @throws AttentionError 'out-of-memory'
   */
  clone(): Cache;
  /** Gives its memory back; what uses it afterwards throws 'disposed'. */
  dispose(): void;
  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void;
}
