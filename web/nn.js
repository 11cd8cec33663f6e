/** Dense layers around attention: enough to run small transformers. */
import { Attention } from './attention.js';
import { Dense } from './dense.js';
import { wrongKind } from './errors.js';
import { LayerNorm } from './layer_norm.js';
import { Sampler } from './sampler.js';
import { internal } from './tensor.js';

export { readSafetensors } from './safetensors.js';
export { toFloat32 } from './weight.js';

function coreOf(attention) {
  if (!(attention instanceof Attention)) throw wrongKind('attention', 'what createAttention() resolves to', attention);
  const core = attention[internal]?.core;
  core.check();
  return core;
}

export const dense = (attention, options) => new Dense(coreOf(attention), options);
export const layerNorm = (attention, options) => new LayerNorm(coreOf(attention), options);
export const sampler = (attention, options) => new Sampler(coreOf(attention), options);
