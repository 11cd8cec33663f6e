/** The weights that distill fits, for all heads side by side: in the module while they are learned, a feature map at every step. */
import { copyOf } from '../core/arrays.js';
import { Tensor } from '../core/tensor.js';
import { FeatureMap } from '../maps/feature_map.js';
import { Optimizer } from './adam.js';
import { startOf } from './starts.js';

/** The options of a map that are learned. */
export const PARAMETERS = ['weights', 'bias', 'keyWeights', 'keyBias'];

/** A learning rate that falls along half a cosine from its first value towards 0; by a series, since engines differ in Math.cos. */
function cosineRate(learningRate, step, steps) {
  const quarter = (Math.PI / 2) * (step / steps);
  let term = 1;
  let cosine = 1;
  for (let n = 2; n <= 22; n += 2) {
    term *= -(quarter * quarter) / (n * (n - 1));
    cosine += term;
  }
  return learningRate * cosine * cosine;
}

export class Learner {
  #core;
  #settings;
  #dim;
  #tensors = {};
  #optimizer;

  /** `heads` maps of vectors of `dim`, at the start that the settings say. */
  constructor(core, settings, heads, dim) {
    this.#core = core;
    this.#settings = settings;
    this.#dim = dim;
    try {
      for (const [name, { data, shape }] of Object.entries(startOf(core, settings, heads, dim))) this.#tensors[name] = new Tensor(core, shape, data);
      this.#optimizer = new Optimizer(core, this.#parameters, { learningRate: settings.learningRate });
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get #parameters() {
    return PARAMETERS.map((name) => this.#tensors[name]);
  }

  /** The map of these parameters, of the same names as the learner's own, or of the learner's own as they are now. */
  mapOf(parameters = this.#tensors) {
    const { map, activation } = this.#settings;
    const options = { dim: this.#dim, ...(activation && { activation }) };
    return new FeatureMap(this.#core, map, { ...options, ...Object.fromEntries(PARAMETERS.map((name) => [name, parameters[name]])) });
  }

  /** Copies of the parameters as they are now. */
  copies() {
    return Object.fromEntries(PARAMETERS.map((name) => [name, { data: copyOf(this.#tensors[name].data), shape: this.#tensors[name].shape }]));
  }

  /** One step of Adam down the gradients, in the order of PARAMETERS. */
  step(gradients, step) {
    const { learningRate, steps } = this.#settings;
    this.#optimizer.step(gradients, { learningRate: cosineRate(learningRate, step, steps) });
  }

  dispose() {
    this.#optimizer?.dispose();
    for (const tensor of Object.values(this.#tensors)) tensor.dispose();
  }
}

/** The parameters of each head at its own best step. */
export class Best {
  #errors;
  #parameters = null;

  /** Takes over the heads whose errors are below their best so far. */
  consider(errors, learner) {
    const isFirst = this.#parameters === null;
    this.#errors ??= errors.map(() => Infinity);
    const better = errors.map((error, h) => error < this.#errors[h]);
    if (!isFirst && !better.includes(true)) return;
    const now = learner.copies();
    this.#parameters ??= now;
    errors.forEach((error, h) => {
      if (!better[h]) return;
      this.#errors[h] = error;
      for (const name of PARAMETERS) {
        const { data } = this.#parameters[name];
        const size = data.length / errors.length;
        data.set(now[name].data.subarray(h * size, (h + 1) * size), h * size);
      }
    });
  }

  /** None while nothing was considered. */
  get parameters() {
    return this.#parameters ?? undefined;
  }
}
