/**
 * Refuses tensors of tfjs and arrays of jax-js, whose elements lie on a device and come by a call: says by which. `ref`
 * keeps an array of jax-js, which otherwise is gone after a use.
 */
export function refuseDeferred(name, value, expected) {
  if (typeof value.dataSync !== 'function') return;
  const short = /^\w+$/.test(name) ? name : 'tensor';
  const [whose, kept] = typeof value.jsAsync === 'function' ? ['an Array of jax-js', `${short}.ref`] : ['a Tensor of tfjs', short];
  throw new TypeError(`${name} must be ${expected}, got ${whose}: pass { data: ${kept}.dataSync(), shape: ${short}.shape }`);
}
