import { AttentionError } from '../core/errors.js';
import { internal, releaseMemory, residentMemory } from '../core/tensor.js';
import { checkInteger, checkOptions, MAX_DIM, MAX_SIZE } from '../core/validate.js';

/** Every key and value seen, [batch, heads, maxLength, dim] and [batch, heads, maxLength, valueDim]. */
export class Cache {
  #length = 0;

  constructor(core, options) {
    core.check();
    const o = checkOptions('cache', options, ['batch', 'heads', 'dim', 'valueDim', 'maxLength']);
    this.batch = checkInteger('batch', o.batch, 1, MAX_SIZE, 1);
    this.heads = checkInteger('heads', o.heads, 1, MAX_SIZE);
    this.dim = checkInteger('dim', o.dim, 1, MAX_DIM);
    this.valueDim = checkInteger('valueDim', o.valueDim, 1, MAX_DIM, this.dim);
    this.maxLength = checkInteger('maxLength', o.maxLength, 1, MAX_SIZE);
    const streams = this.batch * this.heads;
    const keyFloats = streams * this.maxLength * this.dim;
    const length = keyFloats + streams * this.maxLength * this.valueDim;
    const pointer = core.alloc(length * 4);
    this[internal] = {
      core, pointer, length,
      requireRoom: (tokens) => this.#requireRoom(tokens),
      append: (keysAt, keys, valuesAt, values) => this.#append(keysAt, keys, valuesAt, values, keyFloats),
      setLength: (tokens) => { this.#length = tokens; },
    };
    Object.freeze(this);
  }

  get length() {
    return this.#length;
  }

  get bytes() {
    return this[internal].length * 4;
  }

  #requireRoom(tokens) {
    if (tokens > this.maxLength) throw new AttentionError('cache-full', `The cache holds ${this.#length} of at most ${this.maxLength} tokens; ${tokens - this.#length} more do not fit`);
  }

  /** Copies rows behind the ones held; they count only once the length is set. */
  #append(keysAt, keys, valuesAt, values, keyFloats) {
    const { core, pointer } = this[internal];
    const { f32 } = core;
    const copy = (from, operand, to, width) => {
      const [batchStride, headStride, rowStride] = operand.strides;
      for (let b = 0; b < this.batch; b++) {
        for (let h = 0; h < this.heads; h++) {
          const source = (from >>> 2) + b * batchStride + h * headStride;
          const target = to + ((b * this.heads + h) * this.maxLength + this.#length) * width;
          if (rowStride === width) f32.copyWithin(target, source, source + operand.rows * width);
          else for (let t = 0; t < operand.rows; t++) f32.copyWithin(target + t * width, source + t * rowStride, source + t * rowStride + width);
        }
      }
    };
    const base = pointer >>> 2;
    copy(keysAt, keys, base, this.dim);
    copy(valuesAt, values, base + keyFloats, this.valueDim);
    const fields = (at, width) => [at, this.heads * this.maxLength * width, this.maxLength * width, width];
    return { keys: fields(pointer, this.dim), values: fields(pointer + keyFloats * 4, this.valueDim) };
  }

  reset() {
    residentMemory('cache', this);
    this.#length = 0;
  }

  clone() {
    const { core, pointer, length } = residentMemory('cache', this);
    const { batch, heads, dim, valueDim, maxLength } = this;
    const copy = new Cache(core, { batch, heads, dim, valueDim, maxLength });
    core.f32.copyWithin(copy[internal].pointer >>> 2, pointer >>> 2, (pointer >>> 2) + length);
    copy.#length = this.#length;
    return copy;
  }

  dispose() {
    releaseMemory(this);
  }
}

if (Symbol.dispose) Cache.prototype[Symbol.dispose] = Cache.prototype.dispose;
