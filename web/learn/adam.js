/** adam(): AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019) on resident tensors. */
import { Frame } from '../core/core.js';
import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { asTheyAre, optionTakers, takeOptions, takeTensor } from '../core/given.js';
import { elementsOf, takeList } from '../core/lists.js';
import { locate, place, refuseOverlap } from '../core/operand.js';
import { internal, isResident, memoryOf, own, releaseMemory, residentMemory } from '../core/resident.js';
import { Tensor } from '../core/tensor.js';
import { checkNonNegative, checkNumber, sameShape } from '../core/validate.js';
import { newFloats } from '../core/arrays.js';
import { learningCore } from './instance.js';
import { runLearn } from './structs.js';

const OPTIONS = optionTakers(asTheyAre('learningRate', 'beta1', 'beta2', 'epsilon', 'weightDecay'));
const STEP_OPTIONS = optionTakers(asTheyAre('learningRate'));

/** Steps that are counted: far beyond the point where the bias correction is 1. */
const MAX_STEP = 2 ** 32 - 1;

/** How much of a moment is kept at a step. */
function checkKept(name, value, fallback) {
  const kept = checkNumber(name, value, fallback);
  if (kept < 0 || Math.fround(kept) >= 1) throw wrongValue(name, 'at least 0 and below 1', value);
  return kept;
}

/** The elements of an array, each by `take`; of `count`, where that is given, and else not read at all. */
function takeAll(name, value, expected, take, count) {
  if (!Array.isArray(value)) throw wrongKind(name, expected, value);
  const given = takeList(name, value);
  if (count !== undefined && given.length !== count) throw wrongValue(name, expected, value);
  return elementsOf(given, take);
}

/** Ends at the first element that is none, however many there are. */
function takeParameter(tensor, i) {
  if (!isResident(tensor, Tensor)) throw wrongKind(`parameters[${i}]`, 'a resident Tensor', tensor);
  return tensor;
}

/** The parameters, and what Adam keeps of their gradients, in the module's memory. */
export class Optimizer {
  #parameters;
  #settings;
  #steps = 0;

  constructor(core, parameters, options) {
    const o = takeOptions('adam', options, OPTIONS);
    const given = takeAll('parameters', parameters, 'an array of resident tensors', takeParameter);
    core.check();
    this.#settings = {
      learning_rate: checkNonNegative('learningRate', o.learningRate, 1e-3),
      beta1: checkKept('beta1', o.beta1, 0.9),
      beta2: checkKept('beta2', o.beta2, 0.999),
      epsilon: checkNonNegative('epsilon', o.epsilon, 1e-8),
      weight_decay: checkNonNegative('weightDecay', o.weightDecay, 0),
    };
    given.forEach((tensor, i) => {
      const name = `parameters[${i}]`;
      memoryOf(core, name, tensor, Tensor);
      if (given.indexOf(tensor) < i) throw new RangeError(`${name} must be another tensor than parameters[${given.indexOf(tensor)}]`);
    });
    this.#parameters = given;
    const length = 2 * given.reduce((sum, tensor) => sum + tensor[internal].length, 0);
    const pointer = core.alloc(length * 4);
    core.floatsAt(pointer, length).fill(0);
    own(this, { core, pointer, length, remember: () => this.#remember() });
  }

  get bytes() {
    return this[internal].length * 4;
  }

  /** A function that takes the next step back. */
  #remember() {
    const { core, pointer, length } = residentMemory('optimizer', this);
    const steps = this.#steps;
    const blocks = [{ pointer, length }, ...this.#parameters.map((tensor, i) => residentMemory(`parameters[${i}]`, tensor))];
    const copies = blocks.map((block) => {
      const floats = newFloats(block.length);
      floats.set(core.floatsAt(block.pointer, block.length));
      return { at: block.pointer, floats };
    });
    return () => {
      for (const { at, floats } of copies) core.f32.set(floats, at >>> 2);
      this.#steps = steps;
    };
  }

  step(gradients, options) {
    const o = takeOptions('step', options, STEP_OPTIONS);
    const count = this.#parameters.length;
    const taken = takeAll('gradients', gradients, `an array of ${count} tensors, one a parameter`, (one, i) => takeTensor(`gradients[${i}]`, one), count);
    const { core, pointer } = residentMemory('optimizer', this);
    const learningRate = checkNonNegative('learningRate', o.learningRate, this.#settings.learning_rate);
    if (this.#steps === MAX_STEP) throw new RangeError(`step must be called at most ${MAX_STEP} times`);
    const places = this.#parameters.map((tensor, i) => ({ name: `parameters[${i}]`, ...residentMemory(`parameters[${i}]`, tensor) }));
    taken.forEach((given, i) => {
      const { shape } = this.#parameters[i];
      if (!sameShape(given.shape, shape)) throw wrongShape(given.name, `[${shape.join(', ')}], as parameters[${i}] has`, given.shape);
      locate(core, given);
      refuseOverlap(given, given.name, places);
      refuseOverlap(given, given.name, [this[internal]], 'the optimizer');
    });
    const frame = new Frame(core);
    try {
      const at = taken.map((given) => place(frame, given));
      let first = pointer;
      places.forEach(({ pointer: parameters, length: count }, i) => {
        runLearn(core, 'la_adam', { ...this.#settings, count, step: this.#steps + 1, parameters, first, second: first + count * 4, gradient: at[i], learning_rate: learningRate });
        first += count * 8;
      });
    } finally {
      frame.release();
    }
    this.#steps += 1;
  }

  dispose() {
    releaseMemory(this);
  }
}

if (Symbol.dispose) Optimizer.prototype[Symbol.dispose] = Optimizer.prototype.dispose;

export function adam(attention, parameters, options) {
  return new Optimizer(learningCore(attention, 'adam'), parameters, options);
}
