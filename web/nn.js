/** Dense layers around attention: enough to run small transformers. */
import { coreOf } from './calls/attention.js';
import { Dense } from './nn/dense.js';
import { LayerNorm } from './nn/layer_norm.js';
import { Sampler } from './nn/sampler.js';

export { readSafetensors } from './nn/safetensors.js';
export { writeSafetensors } from './nn/safetensors_writer.js';
export { toFloat32 } from './nn/weight.js';

export const dense = (attention, options) => new Dense(coreOf(attention), options);
export const layerNorm = (attention, options) => new LayerNorm(coreOf(attention), options);
export const sampler = (attention, options) => new Sampler(coreOf(attention), options);
