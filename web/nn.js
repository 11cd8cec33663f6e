/** Dense layers around attention: enough to run small transformers. */
import { coreOf } from './attention.js';
import { Dense } from './dense.js';
import { LayerNorm } from './layer_norm.js';
import { Sampler } from './sampler.js';

export { readSafetensors } from './safetensors.js';
export { toFloat32 } from './weight.js';

export const dense = (attention, options) => new Dense(coreOf(attention), options);
export const layerNorm = (attention, options) => new LayerNorm(coreOf(attention), options);
export const sampler = (attention, options) => new Sampler(coreOf(attention), options);
