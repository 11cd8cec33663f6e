// Compiled, never run: the worker entry as a user would type it, and misuse that must not compile.
import {
  AttentionError,
  createAttention,
  version,
  type AsyncAttention,
  type AsyncCache,
  type AsyncFeatureMap,
  type AsyncOptions,
  type AsyncState,
  type AsyncTensor,
  type AttentionErrorCode,
} from 'linear-attention-wasm/worker';
import {
  createAttention as createMain,
  type FeatureMapName,
  type FeatureMapWeights,
  type Gap,
  type Result,
  type SoftmaxPart,
  type TensorLike,
} from 'linear-attention-wasm';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only when the value's type is exactly T. */
function expectType<T>() {
  return <V>(value: V, ..._same: Same<V, T> extends true ? [] : ['the type differs']): V => value;
}

declare const module: WebAssembly.Module;
declare const signal: AbortSignal;
const x: TensorLike = { data: new Float32Array(8), shape: [2, 4] };
const floats = new Float32Array(8);
const own: AsyncOptions = { signal, onProgress: (fraction) => expectType<number>()(fraction), transfer: true };

expectType<string>()(version);

export async function create(): Promise<void> {
  const attention = expectType<AsyncAttention>()(await createAttention());
  await createAttention({ build: 'simd', threads: 'auto', wasm: module });
  expectType<'simd' | 'relaxed' | 'scalar'>()(attention.build);
  expectType<number>()(attention.threadsStartMs);
  expectType<string>()(attention.version);
  expectType<number>()(await attention.threads);
  expectType<string | null>()(await attention.threadsReason);
  expectType<number>()(await attention.memory);
  expectType<Promise<void>>()(attention.dispose());
  expectType<Promise<void>>()(attention[Symbol.asyncDispose]());

  // @ts-expect-error there is no such build
  await createAttention({ build: 'turbo' });
  // @ts-expect-error a getter of the Worker's object gives a promise
  expectType<number>()(attention.threads + 1);
  // @ts-expect-error what the instance runs on cannot be assigned
  attention.build = 'simd';
  // @ts-expect-error disposing of it takes a message to the Worker
  attention[Symbol.dispose]();
}

export async function softmax(attention: AsyncAttention, tensor: AsyncTensor, cache: AsyncCache): Promise<void> {
  const { data, shape } = await attention.softmax(x, x, x);
  expectType<Float32Array>()(data);
  expectType<number[]>()(shape);
  expectType<Result>()(await attention.softmax(x, tensor, x, { causal: true, keyLengths: [2], layout: 'bthd' }));
  expectType<Result>()(await attention.softmax(x, x, x, { cache, ...own }));
  expectType<Result>()(await attention.softmax(x, x, x, { out: floats, signal }));
  expectType<AsyncTensor>()(await attention.softmax(x, x, x, { out: tensor }));
  const part = expectType<SoftmaxPart>()(await attention.softmaxPart(x, x, x, { bias: tensor, window: 3, cache, signal }));
  expectType<SoftmaxPart>()(await attention.mergeSoftmax(part, { output: tensor, maximum: x, sum: x }));

  const half: { readonly type: 'float16'; readonly data: Uint16Array; readonly dims: readonly number[] } = { type: 'float16', data: new Uint16Array(8), dims: [2, 4] };
  expectType<Result>()(await attention.softmax(half, half, half, { keyLengths: { data: new BigInt64Array(2) } }));

  // @ts-expect-error a bare array has no shape
  await attention.softmax(floats, x, x);
  // @ts-expect-error v is missing
  await attention.softmax(x, x);
  // @ts-expect-error softmax attention has no feature map
  await attention.softmax(x, x, x, { featureMap: 'elu' });
}

export async function linear(attention: AsyncAttention, tensor: AsyncTensor, state: AsyncState): Promise<void> {
  expectType<Result>()(await attention.linear(x, x, x, { featureMap: 'relu', state, onProgress: console.log }));
  expectType<AsyncTensor>()(await attention.linear(tensor, tensor, tensor, { decay: tensor, beta: [1], out: tensor }));
  expectType<Gap>()(await attention.gap(x, x, x, { featureMap: 'elu', signal }));
  expectType<Result>()(await attention.weights(x, x, { kind: 'softmax', signal }));

  // @ts-expect-error the result must be awaited
  attention.linear(x, x, x).data;
  // @ts-expect-error a number is not an AbortSignal
  await attention.linear(x, x, x, { signal: 5 });
  // @ts-expect-error progress is told to a function
  await attention.linear(x, x, x, { onProgress: true });
  // @ts-expect-error which weights must be said
  await attention.weights(x, x, { signal });
}

export async function presets(attention: AsyncAttention, tensor: AsyncTensor, state: AsyncState): Promise<void> {
  expectType<Result>()(await attention.retention(x, x, x));
  expectType<AsyncTensor>()(await attention.retention(x, x, x, { gamma: [0.9], state, out: tensor }));
  expectType<Result>()(await attention.mamba2(x, x, [-1], x, x, { D: [1], dtBias: [0], dtSoftplus: true, signal }));
  expectType<Result>()(await attention.mamba2(x, x, x, x, tensor));
  expectType<Result>()(await attention.gla(x, x, x, { g: tensor, signal }));
  expectType<Result>()(await attention.deltaNet(x, x, x, { beta: x, allowNegativeEigenvalues: true }));
  expectType<Result>()(await attention.gatedDeltaNet(x, x, x, { alpha: 0.9, beta: 0.5 }));
  expectType<AsyncTensor>()(await attention.kda(x, x, x, { decay: tensor, beta: tensor, out: tensor }));

  // @ts-expect-error the delta rule needs beta
  await attention.deltaNet(x, x, x, {});
  // @ts-expect-error a gate must be given
  await attention.gla(x, x, x, { signal });
  // @ts-expect-error under one of its names
  await attention.kda(x, x, x, { g: tensor, alpha: x, beta: x });
  // @ts-expect-error decay is defined for causal attention only
  await attention.linear(x, x, x, { causal: false, decay: tensor });
  // @ts-expect-error gates have options of their own
  await attention.gla(x, x, x);
  // @ts-expect-error A is numbers, not options
  await attention.mamba2(x, x, { signal }, x, x);
}

export async function objects(attention: AsyncAttention): Promise<void> {
  const tensor = expectType<AsyncTensor>()(await attention.tensor([2, 4], floats));
  await attention.tensor(new Int32Array([2]));
  expectType<readonly number[]>()(tensor.shape);
  expectType<Float32Array>()(await tensor.data);
  expectType<number>()(await tensor.bytes);
  await tensor.dispose();

  const map = expectType<AsyncFeatureMap>()(await attention.featureMap('learned', { dim: 4, weights: tensor }));
  await attention.featureMap('cosformer', { dim: 4, maxLength: 8 });
  expectType<FeatureMapName>()(map.name);
  expectType<number>()(map.features);
  expectType<number>()(await map.bytes);
  expectType<FeatureMapWeights | null>()(await map.weights);
  expectType<AsyncFeatureMap>()(await attention.restoreMap(await map.save()));
  expectType<Result>()(await map.apply(x, { as: 'query', position: 1 }));

  const state = expectType<AsyncState>()(await attention.state({ heads: 2, dim: 4, featureMap: map, signal }));
  expectType<AsyncFeatureMap>()(state.featureMap);
  expectType<number>()(state.heads);
  expectType<number>()(await state.length);
  expectType<Float32Array | null>()(await state.keySum);
  expectType<Result>()(await state.step(x, x, x, { decay: [-0.1], signal }));
  expectType<AsyncTensor>()(await state.step(x, x, x, { out: tensor }));
  await state.set(tensor, null);
  await state.set(await state.data, floats);
  expectType<AsyncState>()(await state.clone());
  expectType<void>()(await state.select([0, 0]));
  expectType<void>()(await state.copyFrom(await state.clone()));
  expectType<void>()(await state.reset([1]));
  expectType<number[]>()(await state.lengths);
  expectType<void>()(await state.rewind(state.history));
  expectType<AsyncState>()(await state.merge(await attention.state({ heads: 2, dim: 4, transition: true, start: 5 })));
  expectType<AsyncState>()(await attention.absorb(tensor, tensor, { state, ...{ signal } }));
  expectType<number>()(await state.batch);
  expectType<AsyncState>()(await attention.restore(await state.save()));
  await state.dispose();

  const cache = expectType<AsyncCache>()(await attention.cache({ heads: 2, dim: 4, maxLength: 16 }));
  expectType<number>()(cache.maxLength);
  expectType<number>()(await cache.length);
  await cache.reset();
  await cache.reset([0]);
  await cache.copyFrom(await attention.cache({ heads: 2, dim: 4, window: 16 }));
  expectType<number[]>()(await cache.lengths);
  expectType<AsyncCache>()(await attention.restoreCache(await cache.save()));

  // @ts-expect-error learned maps need weights
  await attention.featureMap('learned', { dim: 4 });
  // @ts-expect-error these options are another map's
  await attention.featureMap('relu', { dim: 4, maxLength: 8 });
  // @ts-expect-error there is no such feature map
  await attention.featureMap('gelu', { dim: 4 });
  // @ts-expect-error heads are needed
  await attention.state({ dim: 4 });
  // @ts-expect-error a shape is numbers, not options
  await attention.tensor({ signal });
  // @ts-expect-error a view is read with await, never written
  tensor.data = floats;
}

export async function apart(attention: AsyncAttention): Promise<void> {
  const main = await createMain();
  // @ts-expect-error a tensor of the main entry is not in the Worker
  await attention.linear(x, x, x, { out: main.tensor([2, 4]) });
  // @ts-expect-error nor is a state
  await attention.linear(x, x, x, { causal: true, state: main.state({ heads: 1, dim: 4 }) });
  // @ts-expect-error and the main entry takes none of the Worker's
  main.linear(x, x, x, { out: await attention.tensor([2, 4]) });
  // @ts-expect-error calls of the main entry cannot be cancelled
  main.linear(x, x, x, { signal });
}

export function codes(error: unknown): AttentionErrorCode | null {
  return error instanceof AttentionError ? error.code : null;
}
