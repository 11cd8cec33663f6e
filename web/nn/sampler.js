import { newArray } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { wrongShape } from '../core/errors.js';
import { asTheyAre, optionTakers, takeOptions, takeTensor } from '../core/given.js';
import { locate, place } from '../core/operand.js';
import { own, releaseMemory, residentMemory } from '../core/resident.js';
import { checkInteger, checkNonNegative } from '../core/validate.js';
import { MAX_WIDTH } from './weight.js';

const OPTIONS = optionTakers(asTheyAre('batch', 'seed', 'stream', 'temperature'));

const MAX_BATCH = 2 ** 24;
const MAX_SEED = 2 ** 32 - 1;
/** Bytes of an la_generator. */
const GENERATOR = 16;

/** Draws classes from softmax(logits / temperature); row i of a batch has a random stream of its own. */
export class Sampler {
  constructor(core, options) {
    const o = takeOptions('sampler', options, OPTIONS);
    core.check();
    this.batch = checkInteger('batch', o.batch, 1, MAX_BATCH, 1);
    this.seed = checkInteger('seed', o.seed, 0, MAX_SEED, 0);
    this.stream = checkInteger('stream', o.stream, 0, MAX_SEED, 0);
    this.temperature = checkNonNegative('temperature', o.temperature, 1);
    const pointer = core.alloc(this.batch * (GENERATOR + 4));
    own(this, { core, pointer });
    this.reset();
  }

  reset() {
    const { core, pointer } = residentMemory('sampler', this);
    core.exports.la_generator_seed(pointer, this.batch, this.seed, this.stream);
  }

  sample(logits) {
    const given = takeTensor('logits', logits);
    const { core, pointer } = residentMemory('sampler', this);
    const { shape } = given;
    const classes = shape[shape.length - 1];
    const fits = shape.length === 2 ? shape[0] === this.batch : shape.length === 1 && this.batch === 1;
    if (!fits || !(classes >= 1 && classes <= MAX_WIDTH)) throw wrongShape('logits', `[${this.batch}, classes] with 1 to ${MAX_WIDTH} classes`, shape);
    const input = locate(core, given);
    const drawn = newArray(Int32Array, this.batch);
    const at = pointer + this.batch * GENERATOR;
    const frame = new Frame(core);
    try {
      const args = { rows: this.batch, classes, temperature: this.temperature, logits: place(frame, input), generators: pointer, out: at };
      core.run({ call: 'la_sample', args });
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
