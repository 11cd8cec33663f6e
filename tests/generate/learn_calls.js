/** Good calls of the functions of linear-attention-wasm/learn, as public_calls.js has those of an instance's methods. */
import { adam, linearGradient, softmaxGradient, weightsGradient } from '../../web/learn.js';
import { gaussian, tensorOf } from '../util.js';

const [B, HEADS, KV, T, VALUE_DIM] = [2, 4, 2, 6, 3];

const below0 = (shape, seed) => tensorOf(shape, (i) => -0.1 - ((i * 7 + seed) % 5) / 10);
const unit = (shape, seed) => tensorOf(shape, (i) => 0.1 + ((i * 5 + seed) % 7) / 10);

/** `dim` also tells calls apart that make maps of their own the first time. */
export function learnCalls(attention, keep, dim = 5) {
  const qkv = () => [gaussian([B, HEADS, T, dim], 1), gaussian([B, KV, T, dim], 2, 0.3), gaussian([B, KV, T, VALUE_DIM], 3)];
  const dOut = () => gaussian([B, HEADS, T, VALUE_DIM], 4);
  const state = (options) => {
    const made = keep(attention.state({ batch: B, heads: KV, dim, valueDim: VALUE_DIM, ...options }));
    made.step(gaussian([B, HEADS, dim], 1), gaussian([B, KV, dim], 2, 0.3), gaussian([B, KV, VALUE_DIM], 3));
    return made;
  };
  const on = (run) => (values, options) => run(attention, ...values, ...(options === undefined ? [] : [options]));
  const call = (title, run, options, names = ['q', 'k', 'v', 'dOut'], values = [...qkv(), dOut()]) => ({ title, names, values, options, live: [options.state].filter(Boolean), call: on(run) });
  const learned = keep(attention.featureMap('learned', { dim, heads: KV, weights: unit([KV, dim, 3], 1), bias: unit([3], 2), keyWeights: unit([dim, 3], 3), activation: 'exp' }));
  const sums = (features) => ({ dFinalState: gaussian([B, KV, features, VALUE_DIM], 5), dFinalKeySum: gaussian([B, KV, features], 6) });
  const parameters = [keep(attention.tensor([2, dim], gaussian([2, dim], 7).data)), keep(attention.tensor([3]))];
  const optimizer = keep(adam(attention, parameters));
  const gradients = [gaussian([2, dim], 8), gaussian([3], 9)];
  return [
    call('linearGradient, full', linearGradient, { featureMap: 'elu', causal: false, normalize: true, scale: 0.5, eps: 1e-5, keyLengths: [T, 3], layout: 'bhtd' }),
    call('linearGradient, state', linearGradient, { state: state({}), causal: true, normalize: true, ...sums(dim) }),
    call('linearGradient, learned', linearGradient, { featureMap: learned, ...sums(3) }),
    call('linearGradient, favor by name', linearGradient, { featureMap: 'favor', causal: true }),
    call('linearGradient, delta', linearGradient, { featureMap: 'identity', decay: below0([B, KV, T, dim], 6), beta: unit([B, KV, T], 5), normalize: false, allowGrowth: true }),
    call('linearGradient, rows', linearGradient, { causal: true, lengths: [T - 1, 3], starts: [1, 2] }),
    call('softmaxGradient', softmaxGradient, { causal: true, scale: 0.5, keyLengths: [T, 3], layout: 'bhtd', causalOffset: 1, window: 3, sinks: 1, softcap: 4, lengths: [T, 4], starts: [0, 2], bias: gaussian([HEADS, T, T], 5), biasGradient: true }),
    call('softmaxGradient, packed', softmaxGradient, { sequences: [0, 2, T], bias: [0.5, 0.25, 1, 2], biasGradient: true }),
    call('weightsGradient', weightsGradient, { featureMap: learned, causal: true, softmaxScale: 0.5, layout: 'bhtd' }, ['q', 'k'], qkv().slice(0, 2)),
    { title: 'adam', names: [], values: [], options: { learningRate: 0.1, beta1: 0.5, beta2: 0.9, epsilon: 1e-6, weightDecay: 0.1 }, live: [], call: (_, options) => keep(adam(attention, parameters, options)) },
    { title: 'optimizer.step', names: [], values: [], options: { learningRate: 0.1 }, live: parameters, call: (_, options) => optimizer.step(gradients, options) },
  ];
}
