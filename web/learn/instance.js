/** Instances that can learn: those whose module has gradients. */
import { coreOf } from '../calls/attention.js';

/** The core of `attention`, for the function `name`, which an instance of another entry is told of. */
export function learningCore(attention, name) {
  const core = coreOf(attention, `${name} of linear-attention-wasm/learn/worker takes what that entry's createAttention() resolves to`);
  if (typeof core.exports.la_linear_gradient !== 'function') {
    throw new TypeError(`attention must be of linear-attention-wasm/learn for ${name}, got one whose module has no gradients: make it with that entry's createAttention(), and where a module is given as { wasm }, give one of its modules`);
  }
  return core;
}
