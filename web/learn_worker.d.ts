/**
 * linear-attention-wasm/learn/worker: linear-attention-wasm/learn with promises, on an instance in a Worker of its own, as
 * linear-attention-wasm/worker has the main entry. Calls take its AsyncOptions as well.
 */
import type { DistillOptions, Measurement } from './distill.js';
import type { CreateOptions } from './index.js';
import type { AdamOptions, LinearGradientOptions, LinearGradients, SoftmaxGradientOptions, SoftmaxGradients, WeightsGradientOptions, WeightsGradients } from './learn.js';
import type { Input, Result } from './tensor.js';
import type { AsyncAttention, AsyncFeatureMap, AsyncOptions, AsyncState, AsyncTensor } from './worker.js';

export type { Measurement } from './distill.js';
export { AttentionError, version } from './index.js';
export type { AsyncAttention, AsyncFeatureMap, AsyncOptions, AsyncState, AsyncTensor } from './worker.js';

/** Options with what stands for the Worker's objects in place of such objects. */
type InWorker<Options> = Options extends unknown
  ? { [K in keyof Options]: K extends 'state' ? AsyncState : K extends 'featureMap' ? Exclude<Options[K], object> | AsyncFeatureMap : Options[K] } & AsyncOptions
  : never;

/** What is a tensor here, or of the Worker. */
type AsyncInput = Exclude<Input, { readonly bytes: number }> | AsyncTensor;

/** Starts a Worker and an instance in it, as `createAttention` of linear-attention-wasm/worker does, that can learn. */
export function createAttention(options?: CreateOptions): Promise<AsyncAttention>;

/** As `linearGradient` of linear-attention-wasm/learn. */
export function linearGradient(attention: AsyncAttention, q: AsyncInput, k: AsyncInput, v: AsyncInput, dOut: AsyncInput, options?: InWorker<LinearGradientOptions>): Promise<LinearGradients>;

/** As `softmaxGradient` of linear-attention-wasm/learn. */
export function softmaxGradient(attention: AsyncAttention, q: AsyncInput, k: AsyncInput, v: AsyncInput, dOut: AsyncInput, options?: InWorker<SoftmaxGradientOptions>): Promise<SoftmaxGradients>;

/** As `weightsGradient` of linear-attention-wasm/learn. */
export function weightsGradient(attention: AsyncAttention, q: AsyncInput, k: AsyncInput, options: InWorker<WeightsGradientOptions>): Promise<WeightsGradients>;

/** Adam on tensors of the Worker. */
export interface AsyncOptimizer {
  /** Bytes of what it keeps of the gradients. */
  readonly bytes: Promise<number>;
  /** One step; a step that is cancelled is taken back. */
  step(gradients: ReadonlyArray<AsyncInput | Result>, options?: { learningRate?: number } & AsyncOptions): Promise<void>;
  /** Gives its memory back; the parameters stay. */
  dispose(): Promise<void>;
}

/** As `adam` of linear-attention-wasm/learn, on tensors that the Worker's instance made. */
export function adam(attention: AsyncAttention, parameters: readonly AsyncTensor[], options?: AdamOptions & AsyncOptions): Promise<AsyncOptimizer>;

/** Queries, keys and values of heads side by side, as `Example` of linear-attention-wasm/learn. */
export interface AsyncExample {
  /** [heads, length, dim]; heads a multiple of those of k, which share its maps. */
  readonly q: AsyncInput;
  /** [heads, length, dim]; as long as q where attention is causal. */
  readonly k: AsyncInput;
  /** [heads, length, valueDim], of k's heads and length. */
  readonly v: AsyncInput;
}

/** One example, or several: the Worker asks for them one by one, before learning begins. */
export type AsyncExamples = AsyncExample | Iterable<AsyncExample> | AsyncIterable<AsyncExample>;

type WithAsyncExamples<Options> = Options extends unknown ? Omit<Options, 'validation'> & { validation?: AsyncExamples } & Pick<AsyncOptions, 'transfer'> : never;

/** As `DistillOptions` of linear-attention-wasm/learn; `onProgress` is told measurements, on the caller's side. */
export type AsyncDistillOptions = WithAsyncExamples<DistillOptions>;

/** What was learned, and how. */
export interface AsyncDistilled {
  /** A map of the Worker with weights for each head of k, of queries and of keys; the caller's to dispose of. */
  featureMap: AsyncFeatureMap;
  /** What was measured at the beginning, every ten steps, and at the end. */
  history: Measurement[];
}

/**
 * As `distill` of linear-attention-wasm/learn.
 *
 * Iterables stay on the caller's side, and the Worker asks for the next example once it has taken the one before. Other
 * calls on the instance run meanwhile, between two examples, so examples may be made by it. `signal` rejects at once; calls
 * made afterwards wait until the Worker has stopped.
 *
 * @example const { featureMap, history } = await distill(attention, examples(), { map: 'learned', activation: 'exp', signal });
 * @throws what the iterables or `onProgress` throw, too
 */
export function distill(attention: AsyncAttention, examples: AsyncExamples, options?: AsyncDistillOptions): Promise<AsyncDistilled>;
