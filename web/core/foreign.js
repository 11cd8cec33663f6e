import { handle } from './resident.js';

/**
 * Refuses, by name, what has its elements elsewhere: tensors of linear-attention-wasm/worker, and those of tfjs and
 * jax-js, which come by a call. `ref` keeps an array of jax-js, which otherwise is gone after a use.
 */
export function refuseElsewhere(name, value, expected) {
  const wrong = (got) => new TypeError(`${name} must be ${expected}, got ${got}`);
  if (value[handle]) throw wrong('one of linear-attention-wasm/worker, which the calls of that instance take');
  if (typeof value.dataSync !== 'function') return;
  const short = /^\w+$/.test(name) ? name : 'tensor';
  const [whose, kept] = typeof value.jsAsync === 'function' ? ['an Array of jax-js', `${short}.ref`] : ['a Tensor of tfjs', short];
  throw wrong(`${whose}: pass { data: ${kept}.dataSync(), shape: ${short}.shape }`);
}
