// Compiled, never run: the entries for learning as a user would type them, and misuse that must not compile.
import { adam, AttentionError, createAttention, distill, linearGradient, softmaxGradient, version, weightsGradient, type Attention, type Distilled, type LinearGradients, type Measurement, type Optimizer } from 'linear-attention-wasm/learn';
import * as inWorker from 'linear-attention-wasm/learn/worker';
import { createAttention as createMain, type Result, type TensorLike } from 'linear-attention-wasm';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only when the value's type is exactly T. */
function expectType<T>() {
  return <V>(value: V, ..._same: Same<V, T> extends true ? [] : ['the type differs']): V => value;
}

declare const signal: AbortSignal;
const x: TensorLike = { data: new Float32Array(8), shape: [2, 4] };

expectType<string>()(version);
expectType<typeof import('linear-attention-wasm').AttentionError>()(AttentionError);

export async function learn(): Promise<void> {
  const attention = expectType<Attention>()(await createAttention({ build: 'simd', threads: 2 }));
  using state = attention.state({ heads: 1, dim: 4 });
  using map = attention.featureMap('learned', { dim: 4, weights: x });
  const tensor = attention.tensor([2, 4]);
  const g = expectType<LinearGradients>()(linearGradient(attention, x, tensor, x, x, { causal: true, featureMap: map, state, dFinalState: new Float32Array(16), dFinalKeySum: x }));
  expectType<Result>()(g.dq);
  expectType<Result | undefined>()(g.dDecay);
  linearGradient(attention, x, x, x, x, { decay: -1, beta: 0.5, layout: 'bthd', keyLengths: [1] });
  expectType<Result>()(softmaxGradient(attention, x, x, x, x, { causal: true, scale: 1 }).dv);
  expectType<number>()(weightsGradient(attention, x, x, { featureMap: map, softmaxScale: 1 }).loss);
  using optimizer = expectType<Optimizer>()(adam(attention, [tensor], { learningRate: 1e-2, beta1: 0, beta2: 0, epsilon: 0, weightDecay: 0 }));
  expectType<void>()(optimizer.step([x], { learningRate: 1 }));

  const learned = expectType<Distilled>()(await distill(attention, { q: x, k: tensor, v: x }, { map: 'learned', activation: 'exp', features: 8, validation: [{ q: x, k: x, v: x }], signal }));
  expectType<Measurement[]>()(learned.history);
  expectType<number[]>()((await distill(attention, (async function* () { yield { q: x, k: x, v: x }; })(), { onProgress: ({ step, steps, error, weights }) => expectType<number[]>()([step / steps, ...error, ...(weights.weights?.shape ?? [])]) })).history[0].error);

  // @ts-expect-error elu has nothing to learn
  distill(attention, { q: x, k: x, v: x }, { map: 'elu' });
  // @ts-expect-error hedgehog has no activation
  distill(attention, { q: x, k: x, v: x }, { activation: 'exp' });
  // @ts-expect-error there are several results
  linearGradient(attention, x, x, x, x, { out: new Float32Array(8) });
  // @ts-expect-error gradients are of whole rows
  linearGradient(attention, x, x, x, x, { sequences: [0, 2] });
  // @ts-expect-error decay needs causal
  linearGradient(attention, x, x, x, x, { decay: -1, causal: false });
  expectType<Result | undefined>()(softmaxGradient(attention, x, x, x, x, { window: 4, sinks: 1, softcap: 5, lengths: [1], bias: tensor, biasGradient: true }).dBias);
  linearGradient(attention, x, x, x, x, { lengths: [1], starts: [0] });
  // @ts-expect-error gradients have no cache
  softmaxGradient(attention, x, x, x, x, { cache: attention.cache({ heads: 1, dim: 4, maxLength: 2 }) });
  // @ts-expect-error a map without weights has nothing to learn
  weightsGradient(attention, x, x, { featureMap: 'elu' });
  // @ts-expect-error parameters are resident
  adam(attention, [x]);
  // The same type: that it cannot learn shows when it is called.
  linearGradient(await createMain(), x, x, x, x);
}

export async function learnInWorker(): Promise<void> {
  const attention = await inWorker.createAttention();
  const [tensor, map, state] = [await attention.tensor([2, 4]), await attention.featureMap('learned', { dim: 4, weights: x }), await attention.state({ heads: 1, dim: 4 })];
  expectType<LinearGradients>()(await inWorker.linearGradient(attention, x, tensor, x, x, { causal: true, featureMap: map, state, signal, transfer: true }));
  expectType<Result>()((await inWorker.softmaxGradient(attention, x, x, x, tensor)).dq);
  expectType<number>()((await inWorker.weightsGradient(attention, x, x, { featureMap: map })).loss);
  const optimizer = await inWorker.adam(attention, [tensor]);
  expectType<void>()(await optimizer.step([x], { learningRate: 1, signal }));
  expectType<number>()(await optimizer.bytes);
  await optimizer.dispose();
  const learned = expectType<inWorker.AsyncDistilled>()(await inWorker.distill(attention, { q: x, k: tensor, v: x }, { map: 'learned', activation: 'exp', validation: [{ q: x, k: x, v: tensor }], signal, transfer: true, onProgress: ({ step, steps }) => expectType<number>()(step / steps) }));
  expectType<inWorker.AsyncFeatureMap>()(learned.featureMap);
  expectType<inWorker.Measurement[]>()((await inWorker.distill(attention, (async function* () { yield { q: x, k: x, v: x }; })())).history);

  // @ts-expect-error the activation is learned's
  inWorker.distill(attention, { q: x, k: x, v: x }, { activation: 'exp' });
  // @ts-expect-error an instance of the main entry is not in the Worker
  inWorker.linearGradient(await createMain(), x, x, x, x);
}
