/**
 * linear-attention-wasm/worker: the interface of the main entry with promises, in a Worker of its own, so that a page
 * stays responsive. Results are transferred; inputs are copied, or handed over with `transfer`. Calls run one after
 * another, in the order in which they were made. Every method and every getter gives a promise.
 */
import type * as sync from './index.js';

export { AttentionError, version, type AttentionErrorCode } from './index.js';

/** What every call takes besides its own options. */
export interface AsyncOptions {
  /**
   * Rejects the call with the signal's reason and leaves its state and out as they were. A call under way stops on a
   * cross-origin isolated page and in Node, within about 20 ms (linear attention between two heads); elsewhere only
   * calls that have not started are cancelled.
   */
  signal?: AbortSignal;
  /**
   * Told how much of a long softmax or linear call is done, more than 0 and less than 1, about every 20 ms (linear
   * attention between two heads).
   */
  onProgress?: (fraction: number) => void;
  /** Hands the buffers of the tensors passed over to the Worker: nothing is copied, and the caller's arrays become empty. Default false. */
  transfer?: boolean;
}

type Method = (...args: never[]) => unknown;

/** An argument: objects of the Worker where the main entry takes its own. */
type Sent<A> = A extends sync.Tensor ? AsyncTensor : A extends sync.State ? AsyncState : A extends sync.Cache ? AsyncCache : A extends sync.FeatureMap ? AsyncFeatureMap : A;
type SentOptions<O> = { [K in keyof O]: Sent<O[K]> } & AsyncOptions;
type IsOptions<A> = NonNullable<A> extends { data: unknown } | ArrayBufferView | string | number | readonly unknown[] ? false : NonNullable<A> extends object ? true : false;
type SentArguments<A extends unknown[]> = { [K in keyof A]: IsOptions<A[K]> extends true ? SentOptions<NonNullable<A[K]>> : Sent<A[K]> };

type Received<R> = R extends sync.Tensor ? AsyncTensor : R extends sync.State ? AsyncState : R extends sync.Cache ? AsyncCache : R extends sync.FeatureMap ? AsyncFeatureMap : R;

/** T with every method giving a promise, and the getters named by `Getters` as well. */
type Async<T, Getters extends keyof T> = {
  readonly [K in keyof T as K extends symbol ? never : K]: T[K] extends (...args: infer A) => infer R
    ? (...args: SentArguments<A>) => Promise<Received<R>>
    : K extends Getters
      ? Promise<T[K]>
      : Received<T[K]>;
};

export type AsyncTensor = Async<sync.Tensor, 'data' | 'bytes'>;
export type AsyncState = Async<sync.State, 'data' | 'keySum' | 'length' | 'bytes'>;
export type AsyncCache = Async<sync.Cache, 'length' | 'bytes'>;
export type AsyncFeatureMap = Async<sync.FeatureMap, never>;
export type AsyncAttention = Async<sync.Attention, 'memory' | 'threads' | 'threadsReason'>;

/** Starts a Worker and an instance in it; `dispose` ends both. */
export function createAttention(options?: sync.CreateOptions): Promise<AsyncAttention>;
