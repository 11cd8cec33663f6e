// Compiled, never run: every public call as a user would type it, and misuse that must not compile.
import {
  AttentionError,
  createAttention,
  version,
  type Attention,
  type AttentionErrorCode,
  type Cache,
  type FeatureMap,
  type FeatureMapWeights,
  type FeatureMapName,
  type Gap,
  type GateOptions,
  type Input,
  type LinearOptions,
  type Result,
  type SoftmaxPart,
  type State,
  type Tensor,
  type TensorLike,
} from 'linear-attention-wasm';
import { createAttention as createInline } from 'linear-attention-wasm/inline';
import { LinearAttention } from 'linear-attention-wasm/onnx';
import { dense, layerNorm, readSafetensors, sampler, toFloat32, writeSafetensors } from 'linear-attention-wasm/nn';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only when the value's type is exactly T. */
function expectType<T>() {
  return <V>(value: V, ..._same: Same<V, T> extends true ? [] : ['the type differs']): V => value;
}

declare const bytes: Uint8Array<ArrayBuffer>;
declare const response: Response;
declare const module: WebAssembly.Module;
const x: TensorLike = { data: new Float32Array(8), shape: [2, 4] };
const onnxStyle: TensorLike = { data: new Float32Array(8), dims: [2, 4] as const };
const floats = new Float32Array(8);

expectType<string>()(version);

export async function create(): Promise<void> {
  const attention = expectType<Attention>()(await createAttention());
  await createAttention({ build: 'simd', threads: 1, wasm: bytes });
  await createAttention({ build: 'auto', wasm: module });
  await createAttention({ build: 'relaxed', threads: 'auto' });
  await createAttention({ wasm: response });
  await createAttention({ wasm: new URL('https://example.org/simd.wasm') });
  await createAttention({ wasm: '/simd.wasm' });
  expectType<Attention>()(await createInline());
  expectType<'simd' | 'relaxed' | 'scalar'>()(attention.build);
  expectType<number>()(attention.threads);
  expectType<string | null>()(attention.threadsReason);
  expectType<number>()(attention.threadsStartMs);
  expectType<string>()(attention.version);
  expectType<number>()(attention.memory);
  attention.dispose();
  attention[Symbol.dispose]();

  // @ts-expect-error there is no such build
  await createAttention({ build: 'turbo' });
  // @ts-expect-error threads is a number or 'auto'
  await createAttention({ threads: '2' });
  // @ts-expect-error what the instance runs on cannot be assigned
  attention.threads = 2;
  // @ts-expect-error an option that does not exist
  await createAttention({ wasmUrl: '/simd.wasm' });
}

export function softmax(attention: Attention, tensor: Tensor, cache: Cache): void {
  expectType<Result>()(attention.softmax(x, onnxStyle, x));
  expectType<Result>()(attention.softmax(x, tensor, x, { causal: true, scale: 0.5, keyLengths: [2], layout: 'bthd' }));
  expectType<Result>()(attention.softmax(x, x, x, { cache, keyLengths: new Int32Array([2]) }));
  expectType<Result>()(attention.softmax(x, x, x, { out: floats }));
  expectType<Tensor>()(attention.softmax(x, x, x, { out: tensor }));
  expectType<Result>()(attention.softmax(x, x, x, { lengths: [2], starts: new Int32Array([1]), causalOffset: -1, window: 4, sinks: 1, softcap: 30 }));
  expectType<Result>()(attention.softmax(x, x, x, { sequences: [0n, 2n], bias: [0.5] }));
  const part = expectType<SoftmaxPart>()(attention.softmaxPart(x, x, x, { bias: tensor, causalOffset: -2 }));
  expectType<Result[]>()([attention.mergeSoftmax(part, { output: tensor, maximum: x, sum: x }).output, part.maximum, part.sum]);

  // @ts-expect-error a part has no out
  attention.softmaxPart(x, x, x, { out: tensor });
  // @ts-expect-error a part is more than its output
  attention.mergeSoftmax(part, { output: x });
  // @ts-expect-error one slope is none a head
  attention.softmax(x, x, x, { bias: 0.5 });

  // @ts-expect-error a bare array has no shape
  attention.softmax(floats, x, x);
  // @ts-expect-error float64 is not float32
  attention.softmax({ data: new Float64Array(8), shape: [2, 4] }, x, x);
  // @ts-expect-error v is missing
  attention.softmax(x, x);
  // @ts-expect-error there is no such layout
  attention.softmax(x, x, x, { layout: 'tbhd' });
  // @ts-expect-error softmax attention has no feature map
  attention.softmax(x, x, x, { featureMap: 'elu' });
}

export function foreign(attention: Attention, tensor: Tensor): void {
  const bits = new Uint16Array(8);
  /** As onnxruntime declares its tensors. */
  const half: { readonly type: 'float16'; readonly data: Uint16Array; readonly dims: readonly number[] } = { type: 'float16', data: bits, dims: [2, 4] };
  const integers: { readonly type: 'int64'; readonly data: BigInt64Array; readonly dims: readonly number[] } = { type: 'int64', data: new BigInt64Array(2), dims: [2] };
  /** As the newest libraries of TypeScript declare a Float16Array. */
  const float16 = floats as unknown as Omit<Float32Array, typeof Symbol.toStringTag> & { readonly [Symbol.toStringTag]: 'Float16Array' };
  expectType<Result>()(attention.softmax(half, { data: bits, shape: [2, 4], dtype: 'BF16' }, { data: float16, dims: [2n, 4n] }));
  expectType<Result>()(attention.linear(half, half, half, { decay: half, keyLengths: integers }));
  expectType<Result>()(attention.linear(x, x, x, { keyLengths: new BigInt64Array(2) }));
  expectType<Result>()(attention.retention(x, x, x, { gamma: { 0: 0.5, 1: 0.9, length: 2 } }));
  expectType<Tensor>()(attention.tensor([2n, 4n]));
  expectType<{ output: Result; present_state: Result }>()(LinearAttention(attention, { query: half, key: half, value: half }, { update_rule: 'linear', q_num_heads: 2n, kv_num_heads: 1n, chunk_size: 64n }));
  expectType<Result>()(toFloat32(half));
  const file = writeSafetensors({ tensors: { tensor, half, x, integers, float16: { data: float16, shape: [8] } }, metadata: { format: 'pt' } });
  expectType<Uint8Array>()(writeSafetensors(readSafetensors(file)));

  // @ts-expect-error a Uint16Array does not say whether its bits are floats
  attention.softmax({ data: bits, shape: [2, 4] }, x, x);
  // @ts-expect-error results are float32
  attention.softmax(x, x, x, { out: float16 });
  // @ts-expect-error metadata are strings
  writeSafetensors({ tensors: {}, metadata: { epoch: 1 } });
}

export function family(attention: Attention, tensor: Tensor, state: State): void {
  expectType<Result>()(attention.linear(x, x, x, { decay: -0.1, beta: x, allowGrowth: true }));
  expectType<Result>()(attention.linear(x, x, x, { sequences: new Int32Array([0, 2]) }));
  expectType<Result>()(attention.gla(x, x, x, { g: x, lengths: [2], starts: [0n] }));
  expectType<Result>()(attention.mamba2(x, x, [-1], x, x, { sequences: [0, 1, 2] }));
  expectType<Result>()(state.step(x, x, x, { decay: [-0.1], beta: 0.5 }));
  expectType<Result>()(attention.retention(x, x, x));
  expectType<Tensor>()(attention.retention(x, x, x, { gamma: [0.9], scale: 1, state, out: tensor }));
  expectType<Result>()(attention.mamba2(x, x, [-1], x, x, { D: [1], dtBias: [0], dtSoftplus: true }));
  expectType<Result>()(attention.gla(x, x, x, { g: x }));
  expectType<Result>()(attention.deltaNet(x, x, x, { beta: x, allowNegativeEigenvalues: true }));
  expectType<Result>()(attention.gatedDeltaNet(x, x, x, { alpha: 0.9, beta: 0.5, layout: 'bthd' }));
  expectType<Tensor>()(attention.kda(x, x, x, { decay: tensor, beta: tensor, out: tensor }));
  expectType<{ output: Result; present_state: Result }>()(
    LinearAttention(attention, { query: x, key: x, value: x, past_state: null }, { update_rule: 'linear', q_num_heads: 2, kv_num_heads: 1 }),
  );

  // @ts-expect-error the delta rule needs beta
  attention.deltaNet(x, x, x, {});
  // @ts-expect-error a gate must be given
  attention.gla(x, x, x, {});
  // @ts-expect-error under one of its names
  attention.gla(x, x, x, { g: x, decay: x });
  // @ts-expect-error and not as a logarithm and its exponential at once
  attention.gatedDeltaNet(x, x, x, { g: -0.1, alpha: 0.9, beta: 0.5 });
  // @ts-expect-error a gate without beta makes no delta rule
  attention.kda(x, x, x, { g: x });
  // @ts-expect-error beta alone makes no gate
  attention.gatedDeltaNet(x, x, x, { beta: x });
  // @ts-expect-error one of two names it must be
  const both: GateOptions = { g: x, alpha: x };
  attention.gla(x, x, x, both);
  // @ts-expect-error gates have options of their own
  attention.gla(x, x, x);
  // @ts-expect-error heads are required
  LinearAttention(attention, { query: x, key: x, value: x }, { update_rule: 'linear' });
  // @ts-expect-error there is no such rule
  LinearAttention(attention, { query: x, key: x, value: x }, { update_rule: 'retnet', q_num_heads: 1, kv_num_heads: 1 });
}

export function linear(attention: Attention, tensor: Tensor, state: State, map: FeatureMap): void {
  expectType<Result>()(attention.linear(x, x, x));
  expectType<Result>()(attention.linear(x, x, x, { featureMap: 'relu', causal: true, normalize: false, scale: 2, eps: 0 }));
  expectType<Result>()(attention.linear(x, x, x, { featureMap: map, keyLengths: [1, 2], state, layout: 'bhtd' }));
  expectType<Result>()(attention.linear(x, x, x, { lengths: [1, 2], starts: Int32Array.of(0, 1), state }));
  expectType<Result>()(state.step(x, x, x, { lengths: { data: [1, 0] } }));
  // @ts-expect-error lengths are numbers
  attention.linear(x, x, x, { lengths: ['1'] });
  expectType<Tensor>()(attention.linear(tensor, tensor, tensor, { out: tensor }));
  expectType<Result>()(attention.linear(x, x, x, { out: floats }));

  expectType<Result>()(attention.linear(x, x, x, { decay: x, causal: true }));
  expectType<Result>()(attention.linear(x, x, x, { causal: Math.random() < 0.5 }));
  expectType<Result>()(attention.linear(x, x, x, { beta: Math.random() < 0.5 ? 0.5 : undefined }));
  const input: Input = Math.random() < 0.5 ? x : tensor;
  const options: LinearOptions<Tensor> = { decay: input, beta: [0.5], out: tensor };
  expectType<Tensor>()(attention.linear(input, input, input, options));

  // @ts-expect-error decay is defined for causal attention only
  attention.linear(x, x, x, { causal: false, decay: -0.1 });
  // @ts-expect-error and so is beta
  attention.linear(x, x, x, { causal: false, beta: 0.5 });
  // @ts-expect-error also where it may or may not be causal
  attention.linear(x, x, x, { causal: Math.random() < 0.5, decay: x, beta: x });
  // @ts-expect-error there is no such feature map
  attention.linear(x, x, x, { featureMap: 'gelu' });
  // @ts-expect-error a state is not a cache
  attention.softmax(x, x, x, { cache: state });
  // @ts-expect-error an option of another name
  attention.linear(x, x, x, { normalise: true });
}

export function featureMap(attention: Attention): void {
  const name: FeatureMapName = 'identity';
  const map = expectType<FeatureMap>()(attention.featureMap(name, { dim: 4 }));
  expectType<FeatureMapName>()(map.name);
  expectType<number>()(map.dim);
  expectType<number>()(map.features);
  expectType<Result>()(map.apply(x));
  expectType<Result>()(map.apply(x, { as: 'key', position: 3 }));
  expectType<number[]>()([map.heads, map.bytes]);
  expectType<FeatureMapWeights | null>()(map.weights);
  expectType<FeatureMap>()(attention.restoreMap(expectType<Uint8Array>()(map.save())));
  attention.featureMap('favor', { dim: 4, heads: 2, features: 16, seed: 7, orthogonal: false, hyperbolic: true, normTerm: false, epsilon: 1e-4 });
  attention.featureMap('favor', { dim: 4, projection: x });
  attention.featureMap('rff', { dim: 4, features: 16, gaussian: true });
  attention.featureMap('dpfp', { dim: 4, nu: 3 });
  attention.featureMap('taylor', { dim: 4 });
  attention.featureMap('hedgehog', { dim: 4, weights: x, bias: x, keyWeights: x, keyBias: x, dialect: 'joint', features: 6 });
  attention.featureMap('learned', { dim: 4, weights: x });
  attention.featureMap('learned', { dim: 4, weights: x, activation: 'exp' });
  attention.featureMap('cosformer', { dim: 4, maxLength: 1024 }).dispose();
  map[Symbol.dispose]();
  attention.linear(x, x, x, { featureMap: 'favor' });

  // @ts-expect-error learned has no weights of its own
  attention.featureMap('learned', { dim: 4 });
  // @ts-expect-error no such activation
  attention.featureMap('learned', { dim: 4, weights: x, activation: 'softplus' });
  // @ts-expect-error a name alone has no maxLength
  attention.linear(x, x, x, { featureMap: 'cosformer' });
  // @ts-expect-error nothing is drawn where the rows are given
  attention.featureMap('favor', { dim: 4, projection: x, seed: 7 });
  // @ts-expect-error an option of another map
  attention.featureMap('favor', { dim: 4, nu: 1 });
  // @ts-expect-error dim is needed
  attention.featureMap('elu', {});
  // @ts-expect-error a vector is used as a query or a key
  map.apply(x, { as: 'value' });
}

export function state(attention: Attention, tensor: Tensor, map: FeatureMap): void {
  const state = expectType<State>()(attention.state({ heads: 2, dim: 4 }));
  attention.state({ batch: 1, heads: 2, dim: 4, valueDim: 3, featureMap: map, normalize: true, scale: 1, eps: 1e-6 });
  expectType<Result>()(state.step(x, x, x));
  expectType<Tensor>()(state.step(x, x, x, { out: tensor }));
  expectType<Result>()(state.step(x, x, x, { out: floats }));
  expectType<number[]>()([state.batch, state.heads, state.dim, state.valueDim]);
  expectType<number[]>()([state.scale, state.eps, state.length, state.bytes]);
  expectType<FeatureMap>()(state.featureMap);
  expectType<boolean>()(state.normalize);
  const values: Float32Array = state.data;
  state.set(values, state.keySum);
  state.set(x, tensor);
  state.set(tensor);
  expectType<void>()(state.reset());
  expectType<void>()(state.reset([0]));
  expectType<void>()(state.select(Int32Array.of(1, 0)));
  attention.state({ heads: 2, dim: 4, history: 8 }).rewind(2);
  expectType<void>()(state.rewind([state.history]));
  expectType<State>()(state.merge(attention.state({ heads: 2, dim: 4, transition: true, start: 5 })));
  expectType<boolean>()(state.transition);
  expectType<number>()(state.start);
  expectType<State>()(attention.absorb(x, tensor, { state, decay: -0.1, beta: [0.5], lengths: [1], layout: 'bthd' }));
  // @ts-expect-error a state must be given
  attention.absorb(x, x, {});
  expectType<void>()(state.copyFrom(state.clone()));
  expectType<number[]>()(state.lengths);
  // @ts-expect-error which rows must be said
  state.select();
  const copy = expectType<State>()(state.clone());
  const saved: Uint8Array = copy.save();
  expectType<State>()(attention.restore(saved));
  state.dispose();
  copy[Symbol.dispose]();

  // @ts-expect-error heads are needed
  attention.state({ dim: 4 });
  // @ts-expect-error the number of tokens seen is not set by hand
  state.length = 0;
  // @ts-expect-error keySum is null without normalisation
  state.keySum.fill(0);
  // @ts-expect-error a saved state is bytes
  attention.restore('saved');
}

export function cache(attention: Attention): void {
  const cache = expectType<Cache>()(attention.cache({ heads: 2, dim: 4, maxLength: 16 }));
  attention.cache({ batch: 2, heads: 2, dim: 4, valueDim: 3, maxLength: 16 });
  expectType<number[]>()([cache.batch, cache.heads, cache.dim, cache.valueDim]);
  expectType<number[]>()([cache.maxLength, cache.length, cache.bytes]);
  cache.reset();
  cache.reset([0]);
  cache.truncate(3);
  cache.select(new Int32Array([0]));
  cache.copyFrom(attention.cache({ heads: 2, dim: 4, window: 16, sinks: 2 }));
  expectType<number[]>()(cache.lengths);
  expectType<number | null>()(cache.window);
  expectType<Cache>()(attention.restoreCache(cache.save())).dispose();
  expectType<Cache>()(cache.clone()).dispose();
  cache[Symbol.dispose]();

  // @ts-expect-error sinks are kept beside a window
  attention.cache({ heads: 2, dim: 4, maxLength: 9, sinks: 2 });
  // @ts-expect-error all of it is allocated at once, so the length is needed
  attention.cache({ heads: 2, dim: 4 });
}

export function measures(attention: Attention, map: FeatureMap): void {
  const gap = expectType<Gap>()(attention.gap(x, x, x, { featureMap: map, causal: true, layout: 'bhtd' }));
  expectType<number[]>()([gap.relativeError, gap.maxError, gap.cosine]);
  expectType<number[]>()([gap.meanValueError, gap.weightKL, gap.weightL1]);
  for (const { batch, head, relativeError } of gap.perHead) {
    expectType<number[]>()([batch, head, relativeError]);
  }
  expectType<Result>()(attention.weights(x, x, { kind: 'softmax', scale: 1, causal: true }));
  expectType<Result>()(attention.weights(x, x, { kind: 'linear', featureMap: 'elu', layout: 'bthd' }));

  // @ts-expect-error which weights must be said
  attention.weights(x, x, {});
}

export function tensors(attention: Attention): void {
  const tensor = expectType<Tensor>()(attention.tensor([2, 4]));
  attention.tensor([2, 4], floats);
  attention.tensor(new Int32Array([2]), [1, 2]);
  const view: Float32Array = tensor.data;
  const shape: readonly number[] = tensor.shape;
  expectType<number>()(tensor.bytes + view.length + shape.length);
  tensor.dispose();
  tensor[Symbol.dispose]();

  // @ts-expect-error the view is remade by the library, never replaced
  tensor.data = floats;
  // @ts-expect-error a shape does not change
  tensor.shape.push(1);
}

export function layers(attention: Attention, file: ArrayBuffer, x: Tensor): void {
  const { tensors, metadata } = readSafetensors(file);
  const weight = tensors.get('weight');
  if (!weight) throw new Error(metadata.format);
  expectType<Result>()(toFloat32(weight));
  const layer = dense(attention, { weight, bias: { data: floats, shape: [8] }, activation: 'relu' });
  expectType<Result>()(layer.apply(x));
  expectType<Tensor>()(layer.apply(x, { residual: x, out: x }));
  const [q] = layer.apply(x, { out: [x, x] as const });
  expectType<Tensor>()(q);
  expectType<Tensor>()(layerNorm(attention, { weight, bias: weight, eps: 1e-5 }).apply(x, { out: x }));
  const draws = sampler(attention, { batch: 2, seed: 1, stream: 0, temperature: 0.9 });
  expectType<Int32Array>()(draws.sample(x));
  for (const one of [layer, draws]) one.dispose();

  // @ts-expect-error weights must be given
  dense(attention, {});
  // @ts-expect-error only relu is fused
  dense(attention, { weight, activation: 'gelu' });
}

export function results(result: Result, error: unknown): AttentionErrorCode | number {
  result.data = new Float32Array(result.shape.reduce((product, size) => product * size, 1));
  result.shape.push(1);
  if (!(error instanceof AttentionError)) return result.shape.length;
  switch (error.code) {
    case 'out-of-memory':
    case 'disposed':
    case 'corrupt-state':
    case 'cache-full':
    case 'unsupported':
    case 'load-failed':
    case 'malformed-file':
    case 'thread-failed':
    case 'diverged':
    case 'internal':
      return error.code;
    default:
      return expectType<never>()(error.code);
  }
}
