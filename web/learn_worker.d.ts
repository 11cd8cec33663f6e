/**
 * linear-attention-wasm/learn/worker: linear-attention-wasm/learn with promises, on an instance in a Worker of its own, as
 * linear-attention-wasm/worker has the main entry. Calls take its AsyncOptions as well.
 */
import type { CreateOptions } from './index.js';
import type { AdamOptions, LinearGradientOptions, LinearGradients, SoftmaxGradientOptions, SoftmaxGradients, WeightsGradientOptions, WeightsGradients } from './learn.js';
import type { Input, Result } from './tensor.js';
import type { AsyncAttention, AsyncFeatureMap, AsyncOptions, AsyncState, AsyncTensor } from './worker.js';

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
