import { softmax, softmaxPart } from './softmax.js';
import { mergeSoftmax } from './softmax_parts.js';
import { Cache } from './cache.js';
import { absorb } from './absorb.js';
import { wrongKind } from '../core/errors.js';
import { FeatureMap } from '../maps/feature_map.js';
import { restoreMap } from '../maps/saved_map.js';
import { gap, weights } from './gap.js';
import { linear } from './linear.js';
import { mamba2 } from './mamba2.js';
import * as presets from './presets.js';
import { State } from './state.js';
import { isObject } from '../core/lists.js';
import { handle, internal } from '../core/resident.js';
import { Tensor } from '../core/tensor.js';
import { version } from '../core/version.js';

/** One instance of the library: a wasm module, its memory and everything made in it. */
export class Attention {
  #core;

  constructor(core) {
    this.#core = core;
    this.build = core.build;
    this.threadsStartMs = core.pool?.startMs ?? 0;
    this.version = version;
    Object.freeze(this);
  }

  /** For the package's other entries. */
  get [internal]() {
    return { core: this.#core };
  }

  get threads() {
    return this.#core.pool?.threads ?? 1;
  }

  get threadsReason() {
    const { obstacle, pool, broken } = this.#core;
    return broken?.message ?? obstacle ?? pool?.failure ?? null;
  }

  get memory() {
    this.#core.check();
    return this.#core.used;
  }

  softmax(q, k, v, options) {
    return softmax(this.#core, q, k, v, options);
  }

  softmaxPart(q, k, v, options) {
    return softmaxPart(this.#core, q, k, v, options);
  }

  mergeSoftmax(a, b) {
    return mergeSoftmax(this.#core, a, b);
  }

  linear(q, k, v, options) {
    return linear(this.#core, q, k, v, options);
  }

  absorb(k, v, options) {
    return absorb(this.#core, k, v, options);
  }

  retention(q, k, v, options) {
    return presets.retention(this.#core, q, k, v, options);
  }

  mamba2(x, dt, A, B, C, options) {
    return mamba2(this.#core, x, dt, A, B, C, options);
  }

  gla(q, k, v, options) {
    return presets.gla(this.#core, q, k, v, options);
  }

  deltaNet(q, k, v, options) {
    return presets.deltaNet(this.#core, q, k, v, options);
  }

  gatedDeltaNet(q, k, v, options) {
    return presets.gatedDeltaNet(this.#core, q, k, v, options);
  }

  kda(q, k, v, options) {
    return presets.kda(this.#core, q, k, v, options);
  }

  featureMap(name, options) {
    return new FeatureMap(this.#core, name, options);
  }

  state(options) {
    return new State(this.#core, options);
  }

  restore(bytes) {
    return State.restore(this.#core, bytes);
  }

  restoreMap(bytes) {
    return restoreMap(this.#core, bytes);
  }

  cache(options) {
    return new Cache(this.#core, options);
  }

  restoreCache(bytes) {
    return Cache.restore(this.#core, bytes);
  }

  gap(q, k, v, options) {
    return gap(this.#core, q, k, v, options);
  }

  weights(q, k, options) {
    return weights(this.#core, q, k, options);
  }

  tensor(shape, data) {
    return new Tensor(this.#core, shape, data);
  }

  dispose() {
    if (!this.#core.disposed) this.#core.dispose();
  }
}

if (Symbol.dispose) Attention.prototype[Symbol.dispose] = Attention.prototype.dispose;

/** What to do about an instance of the Worker's entry. */
const IN_PLACE = 'onnx and nn run where their instance is, so make one with the createAttention() of linear-attention-wasm, in a Worker of your own where they must not block';

/** What the package's other entries run on. `remedy`: what those have to say of an instance in a Worker. */
export function coreOf(attention, remedy = IN_PLACE) {
  if (isObject(attention) && attention[handle]) {
    throw new TypeError(`attention must be of linear-attention-wasm, got one of linear-attention-wasm/worker: ${remedy}`);
  }
  if (!(attention instanceof Attention)) throw wrongKind('attention', 'what createAttention() resolves to', attention);
  const { core } = attention[internal];
  core.check();
  return core;
}
