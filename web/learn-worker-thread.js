/** The script of linear-attention-wasm/learn/worker's Worker. */
import { adam } from './learn/adam.js';
import { distillPulled } from './learn/distill_pulled.js';
import { linearGradient } from './learn/linear_gradient.js';
import { softmaxGradient } from './learn/softmax_gradient.js';
import { weightsGradient } from './learn/weights_gradient.js';
import { serve } from './serve.js';

serve({ adam, linearGradient, softmaxGradient, weightsGradient }, { distill: distillPulled });
