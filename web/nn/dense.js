import { Frame } from '../core/core.js';
import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { optionTakers, takeAsIs, takeOptions, takeTensor } from '../core/given.js';
import { elementsOf, isObject, takeList } from '../core/lists.js';
import { commitOut, locate, locateOut, place, refuseOverlap } from '../core/operand.js';
import { internal, isResident, own, releaseMemory, residentMemory } from '../core/resident.js';
import { Tensor } from '../core/tensor.js';
import { checkOneOf, elements } from '../core/validate.js';
import { leadingAxes, MAX_WIDTH, readMatrix, readVector } from './weight.js';

const OPTIONS = optionTakers({ weight: (name, value) => readMatrix(name, value), bias: (name, value) => readVector(name, value), activation: takeAsIs });
/** Several outs are an array, which is also what comes back. */
function takeOut(name, value) {
  if (!isObject(value) || !Array.isArray(value)) return { one: value };
  const given = takeList(name, value);
  if (given.length > MAX_PARTS) throw wrongKind(name, `at most ${MAX_PARTS} tensors`, value);
  return { several: elementsOf(given), array: value };
}

const APPLY_OPTIONS = optionTakers({ residual: takeTensor, out: takeOut });

/** la_activation by name. */
const ACTIVATIONS = { none: 0, relu: 1 };
/** LA_DENSE_PANEL: several outs begin at panels of the packed weights. */
const PANEL = 16;
/** All but the last of several outs have a panel or more. */
const MAX_PARTS = MAX_WIDTH / PANEL;

/** y = activation(x Wᵀ + b), its weights packed once. */
export class Dense {
  constructor(core, options) {
    const o = takeOptions('dense', options, OPTIONS);
    core.check();
    const { data: weight, outputs, inputs } = o.weight ?? readMatrix('weight', undefined);
    const { bias = null } = o;
    if (bias && bias.length !== outputs) throw wrongShape('bias', `[${outputs}]`, [bias.length]);
    this.inputs = inputs;
    this.outputs = outputs;
    this.activation = checkOneOf('activation', o.activation, Object.keys(ACTIVATIONS), 'none');
    const length = Math.ceil(outputs / PANEL) * PANEL * (1 + inputs);
    const frame = new Frame(core);
    let pointer = 0;
    try {
      pointer = core.alloc(length * 4);
      core.exports.la_dense_pack(outputs, inputs, frame.copyIn(weight), bias ? frame.copyIn(bias) : 0, pointer);
    } catch (error) {
      if (pointer) core.free(pointer);
      throw error;
    } finally {
      frame.release();
    }
    own(this, { core, pointer, length });
  }

  get bytes() {
    return this[internal].length * 4;
  }

  apply(x, options) {
    const o = takeOptions('apply', options, APPLY_OPTIONS);
    const given = takeTensor('x', x);
    const { core, pointer } = residentMemory('dense', this);
    const leading = leadingAxes('x', given, this.inputs);
    const rows = elements(leading);
    const input = locate(core, given);
    if (o.out?.several) {
      this.#applyInParts(input, rows, o.out.several, o.residual);
      return o.out.array;
    }
    const length = rows * this.outputs;
    const residual = o.residual === undefined ? null : locate(core, o.residual);
    if (residual && residual.length !== length) throw wrongShape('residual', `of ${length} elements, as the result has`, residual.shape);
    const out = locateOut(core, o.out?.one, shapeOf(o.out?.one, [...leading, this.outputs]));
    refuseOverlap(out, 'out', [input]);
    if (residual && residual.pointer !== out.pointer) refuseOverlap(out, 'out', [residual]);
    const frame = new Frame(core);
    try {
      const to = out.pointer || frame.alloc(length * 4);
      this.#pass(rows, this.outputs, place(frame, input), pointer, residual ? place(frame, residual) : 0, to);
      return commitOut(core, out, to);
    } finally {
      frame.release();
    }
  }

  /** The outputs, in order, over several resident tensors. */
  #applyInParts(input, rows, tensors, residual) {
    const { core, pointer } = this[internal];
    const parts = [];
    let first = 0;
    for (let i = 0; i < tensors.length; i++) {
      const part = this.#readPart(`out[${i}]`, tensors[i], rows, first, i === tensors.length - 1);
      refuseOverlap(part, part.name, [input, ...parts]);
      first += part.width;
      parts.push(part);
    }
    if (residual !== undefined) throw new TypeError('residual must not be given with several outs');
    if (rows > 0 && first !== this.outputs) throw wrongValue('out', `tensors of ${this.outputs} outputs a row in all`, first);
    const frame = new Frame(core);
    try {
      const from = place(frame, input);
      for (const part of parts) if (part.width > 0) this.#pass(rows, part.width, from, pointer + part.first * (1 + this.inputs) * 4, 0, part.pointer);
    } finally {
      frame.release();
    }
  }

  /** One of several outs, which begins at output `first`. */
  #readPart(name, tensor, rows, first, isLast) {
    if (!isResident(tensor, Tensor)) throw wrongKind(name, 'a Tensor: several outs are resident', tensor);
    const { pointer, length } = locateOut(this[internal].core, tensor, tensor.shape);
    const width = length === 0 ? 0 : length / rows;
    if (!Number.isInteger(width)) throw wrongShape(name, `of ${rows} rows`, tensor.shape);
    if (!isLast && width % PANEL !== 0) throw wrongShape(name, `of a multiple of ${PANEL} columns, as all but the last of several outs have`, tensor.shape);
    return { name, pointer, length, first, width };
  }

  #pass(rows, outputs, x, packed, residual, out) {
    const args = { rows, inputs: this.inputs, outputs, activation: ACTIVATIONS[this.activation], x, packed, residual, out };
    this[internal].core.run({ call: 'la_dense', args });
  }

  dispose() {
    releaseMemory(this);
  }
}

/** A resident out may split the last axis, [batch, heads, dim] for [batch, heads·dim]. */
function shapeOf(out, shape) {
  return isResident(out, Tensor) && elements(out.shape) === elements(shape) ? out.shape : shape;
}

if (Symbol.dispose) Dense.prototype[Symbol.dispose] = Dense.prototype.dispose;
