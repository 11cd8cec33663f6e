/** linear-attention-wasm/learn: the same library on modules that have gradients too, and what learns with them. */
import { create } from './create.js';
import { packaged } from './learn_packaged.js';
import { openThread } from './open_thread.js';

export { AttentionError } from './core/errors.js';
export { version } from './core/version.js';
export { adam } from './learn/adam.js';
export { distill } from './learn/distill.js';
export { linearGradient } from './learn/linear_gradient.js';
export { softmaxGradient } from './learn/softmax_gradient.js';
export { weightsGradient } from './learn/weights_gradient.js';

export function createAttention(options) {
  return create(options, packaged, openThread);
}
