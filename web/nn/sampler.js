import { wrongShape } from '../core/errors.js';
import { float, Frame } from '../core/core.js';
import { place, readOperand } from '../core/operand.js';
import { internal, releaseMemory, residentMemory } from '../core/tensor.js';
import { checkInteger, checkNonNegative, checkOptions } from '../core/validate.js';
import { MAX_WIDTH } from './weight.js';

const MAX_BATCH = 2 ** 24;
const MAX_SEED = 2 ** 32 - 1;
/** Bytes of an la_generator. */
const GENERATOR = 16;

/** Draws classes from softmax(logits / temperature); row i of a batch has a random stream of its own. */
export class Sampler {
  constructor(core, options) {
    core.check();
    const o = checkOptions('sampler', options, ['batch', 'seed', 'stream', 'temperature']);
    this.batch = checkInteger('batch', o.batch, 1, MAX_BATCH, 1);
    this.seed = checkInteger('seed', o.seed, 0, MAX_SEED, 0);
    this.stream = checkInteger('stream', o.stream, 0, MAX_SEED, 0);
    this.temperature = checkNonNegative('temperature', o.temperature, 1);
    const pointer = core.alloc(this.batch * (GENERATOR + 4));
    this[internal] = { core, pointer };
    Object.freeze(this);
    this.reset();
  }

  reset() {
    const { core, pointer } = residentMemory('sampler', this);
    core.exports.la_generator_seed(pointer, this.batch, this.seed, this.stream);
  }

  sample(logits) {
    const { core, pointer } = residentMemory('sampler', this);
    const input = readOperand(core, 'logits', logits);
    const { shape } = input;
    const classes = shape[shape.length - 1];
    const fits = shape.length === 2 ? shape[0] === this.batch : shape.length === 1 && this.batch === 1;
    if (!fits || !(classes >= 1 && classes <= MAX_WIDTH)) throw wrongShape('logits', `[${this.batch}, classes] with 1 to ${MAX_WIDTH} classes`, shape);
    const drawn = new Int32Array(this.batch);
    const at = pointer + this.batch * GENERATOR;
    const frame = new Frame(core);
    try {
      core.pass('la_sample', [this.batch, classes, float(this.temperature), place(frame, input), pointer, at]);
      drawn.set(core.i32.subarray(at >>> 2, (at >>> 2) + this.batch));
    } finally {
      frame.release();
    }
    if (drawn[0] < 0) throw new RangeError('logits must be numbers below infinity, not all -Infinity in a row, got a row that is not');
    return drawn;
  }

  dispose() {
    releaseMemory(this);
  }
}

if (Symbol.dispose) Sampler.prototype[Symbol.dispose] = Sampler.prototype.dispose;
