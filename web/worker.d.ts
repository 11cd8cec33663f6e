/**
 * linear-attention-wasm/worker: the interface of the main entry with promises, in a Worker of its own, so that a page
 * stays responsive. Results are transferred; inputs are copied, or handed over with `transfer`. Calls run one after
 * another, in the order in which they were made. Every method and every getter gives a promise.
 */
import type * as sync from './index.js';
import type { Global } from './host.js';

export { AttentionError, version, type AttentionErrorCode } from './index.js';

/** What every call takes besides its own options. */
export interface AsyncOptions {
  /**
   * Rejects the call with the signal's reason at once, and leaves its state, cache and out as they were.
   *
   * The Worker stops within about 20 ms (linear attention between two heads) on a cross-origin isolated page and in Node,
   * where the call can be cut; else it carries the call through for nobody and takes back what it changed. Calls made
   * afterwards wait for that. For as long, what is taken back is held twice. A call whose answer is there already is
   * carried out. Default: the call cannot be cancelled.
   */
  signal?: Global<'AbortSignal'>;
  /**
   * Told how much of a long softmax or linear call is done.
   *
   * More than 0 and less than 1, about every 20 ms (linear attention between two heads). What it throws rejects the call,
   * which is then cancelled as by `signal`. Default: nobody is told.
   */
  onProgress?: (fraction: number) => void;
  /**
   * Hands the buffers of the tensors passed over to the Worker. Default false.
   *
   * Nothing is copied, and the caller's arrays become empty.
   */
  transfer?: boolean;
}

/** What stands for an object of the Worker, here and as an argument. */
type Remote<T> =
  T extends sync.Tensor ? AsyncTensor
  : T extends sync.State ? AsyncState
  : T extends sync.Cache ? AsyncCache
  : T extends sync.FeatureMap ? AsyncFeatureMap
  : T;

/** Options are the arguments that are neither tensors, nor lists or names, nor numbers. */
type IsOptions<A> =
  NonNullable<A> extends { data: unknown } | { length: number } | number ? false
  : NonNullable<A> extends object ? true
  : false;
type RemoteOptions<Options, O> = { [K in keyof Options]: K extends 'out' ? O : Remote<Options[K]> } & AsyncOptions;
type RemoteArguments<A extends unknown[], O> = {
  [K in keyof A]: IsOptions<A[K]> extends true ? RemoteOptions<NonNullable<A[K]>, O> : Remote<A[K]>;
};

type AsyncOut = AsyncTensor | Float32Array;
type AsyncResult<O> = O extends AsyncTensor ? AsyncTensor : sync.Result;

/** Methods that may give a resident tensor give that of their option `out`. */
type AsyncMethod<A extends unknown[], R> = sync.Tensor | sync.Result extends R
  ? <O extends AsyncOut | undefined = undefined>(...args: RemoteArguments<A, O>) => Promise<AsyncResult<O>>
  : (...args: RemoteArguments<A, never>) => Promise<Remote<R>>;

/** T with every method giving a promise, and the getters named by `Getters` as well. */
type Async<T, Getters extends keyof T> = {
  readonly [K in keyof T as K extends symbol ? never : K]: T[K] extends (...args: infer A) => infer R
    ? AsyncMethod<A, R>
    : K extends Getters
      ? Promise<T[K]>
      : Remote<T[K]>;
};

/** A resident tensor in the Worker. */
export interface AsyncTensor extends Async<sync.Tensor, 'data' | 'bytes'> {}
/** A state of linear attention in the Worker. */
export interface AsyncState extends Async<sync.State, 'batch' | 'data' | 'keySum' | 'length' | 'lengths' | 'bytes'> {}
/** A cache of softmax attention in the Worker. */
export interface AsyncCache extends Async<sync.Cache, 'length' | 'lengths' | 'bytes'> {}
/** A feature map in the Worker. */
export interface AsyncFeatureMap extends Async<sync.FeatureMap, 'bytes' | 'weights'> {}

type WithoutFeatureMap = Omit<sync.Attention, 'featureMap'>;

/** An instance in the Worker: the calls of the main entry, each giving a promise and taking AsyncOptions as well. */
export interface AsyncAttention extends Async<WithoutFeatureMap, 'memory' | 'threads' | 'threadsReason'> {
  /** A feature map to share between calls and states. */
  featureMap<N extends sync.FeatureMapName>(
    name: N,
    options: RemoteOptions<sync.FeatureMapOptionsByName[N], never>,
  ): Promise<AsyncFeatureMap>;
  /** The same as `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a Worker and an instance in it.
 *
 * `dispose` ends both at once, whatever they do: calls that wait for an answer are
 * rejected with an AttentionError of code `'disposed'`. An instance that is dropped, with all that was made in it, ends
 * too, once it is collected.
 */
export function createAttention(options?: sync.CreateOptions): Promise<AsyncAttention>;
