import { AttentionError } from '../core/errors.js';
import { asTheyAre, optionTakers, takeOptions } from '../core/given.js';
import { internal, own, releaseMemory, residentMemory } from '../core/resident.js';
import { checkInteger, MAX_DIM, MAX_SIZE, MAX_VALUE_DIM } from '../core/validate.js';

const OPTIONS = optionTakers(asTheyAre('batch', 'heads', 'dim', 'valueDim', 'maxLength'));

/** Every key and value seen, [batch, heads, maxLength, dim] and [batch, heads, maxLength, valueDim]. */
export class Cache {
  #length = 0;

  constructor(core, options) {
    const o = takeOptions('cache', options, OPTIONS);
    core.check();
    this.batch = checkInteger('batch', o.batch, 1, MAX_SIZE, 1);
    this.heads = checkInteger('heads', o.heads, 1, MAX_SIZE);
    this.dim = checkInteger('dim', o.dim, 1, MAX_DIM);
    this.valueDim = checkInteger('valueDim', o.valueDim, 1, MAX_VALUE_DIM, this.dim);
    this.maxLength = checkInteger('maxLength', o.maxLength, 1, MAX_SIZE);
    const streams = this.batch * this.heads;
    const keyFloats = streams * this.maxLength * this.dim;
    const length = keyFloats + streams * this.maxLength * this.valueDim;
    const pointer = core.alloc(length * 4);
    own(this, {
      core, pointer, length,
      requireRoom: (tokens) => this.#requireRoom(tokens),
      append: (args, rows) => this.#append(args, rows, keyFloats),
      setLength: (tokens) => { this.#length = tokens; },
    });
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

  /** Copies rows of a call's placed k and v behind the ones held, and has the call take them all; they count only once the length is set. */
  #append(args, rows, keyFloats) {
    const { core, pointer } = this[internal];
    const { f32 } = core;
    const copy = (from, at, width) => {
      for (let b = 0; b < this.batch; b++) {
        for (let h = 0; h < this.heads; h++) {
          const source = (from.data >>> 2) + b * from.batch + h * from.head;
          const target = (at >>> 2) + ((b * this.heads + h) * this.maxLength + this.#length) * width;
          if (from.row === width) f32.copyWithin(target, source, source + rows * width);
          else for (let t = 0; t < rows; t++) f32.copyWithin(target + t * width, source + t * from.row, source + t * from.row + width);
        }
      }
      return { data: at, batch: this.heads * this.maxLength * width, head: this.maxLength * width, row: width };
    };
    args.k = copy(args.k, pointer, this.dim);
    args.v = copy(args.v, pointer + keyFloats * 4, this.valueDim);
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
