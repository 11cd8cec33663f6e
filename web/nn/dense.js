import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { Frame } from '../core/core.js';
import { commitOut, place, readOperand, readOut, refuseOverlap } from '../core/operand.js';
import { internal, ownArray, releaseMemory, residentMemory, Tensor } from '../core/tensor.js';
import { checkOneOf, checkOptions, elements } from '../core/validate.js';
import { leadingAxes, readMatrix, readVector } from './weight.js';

/** la_activation by name. */
const ACTIVATIONS = { none: 0, relu: 1 };
/** LA_DENSE_PANEL: several outs begin at panels of the packed weights. */
const PANEL = 16;

/** y = activation(x Wᵀ + b), its weights packed once. */
export class Dense {
  constructor(core, options) {
    core.check();
    const o = checkOptions('dense', options, ['weight', 'bias', 'activation']);
    const { data, outputs, inputs } = readMatrix('weight', o.weight);
    const weight = ownArray(core, data);
    const bias = o.bias === undefined ? null : ownArray(core, readVector('bias', o.bias, outputs));
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
    this[internal] = { core, pointer, length };
    Object.freeze(this);
  }

  get bytes() {
    return this[internal].length * 4;
  }

  apply(x, options) {
    const { core, pointer } = residentMemory('dense', this);
    const o = checkOptions('apply', options, ['residual', 'out']);
    const input = readOperand(core, 'x', x);
    const leading = leadingAxes('x', input, this.inputs);
    const rows = elements(leading);
    if (Array.isArray(o.out)) return this.#applyInParts(input, rows, o.out, o.residual);
    const length = rows * this.outputs;
    const residual = o.residual === undefined ? null : readOperand(core, 'residual', o.residual);
    if (residual && residual.length !== length) throw wrongShape('residual', `of ${length} elements, as the result has`, residual.shape);
    const out = readOut(core, o.out, shapeOf(o.out, [...leading, this.outputs]));
    refuseOverlap('out', out, [input]);
    if (residual && residual.pointer !== out.pointer) refuseOverlap('out', out, [residual]);
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
    if (residual !== undefined) throw new TypeError('residual must not be given with several outs');
    const parts = [];
    let first = 0;
    for (let i = 0; i < tensors.length; i++) {
      const part = this.#readPart(`out[${i}]`, tensors[i], rows, first, i === tensors.length - 1);
      refuseOverlap(part.name, part, [input]);
      refuseOverlap(part.name, part, parts);
      first += part.width;
      parts.push(part);
    }
    if (rows > 0 && first !== this.outputs) throw wrongValue('out', `tensors of ${this.outputs} outputs a row in all`, first);
    const frame = new Frame(core);
    try {
      const from = place(frame, input);
      for (const part of parts) if (part.width > 0) this.#pass(rows, part.width, from, pointer + part.first * (1 + this.inputs) * 4, 0, part.pointer);
      return tensors;
    } finally {
      frame.release();
    }
  }

  /** One of several outs, which begins at output `first`. */
  #readPart(name, tensor, rows, first, isLast) {
    if (!(tensor instanceof Tensor)) throw wrongKind(name, 'a Tensor: several outs are resident', tensor);
    const { pointer, length } = readOut(this[internal].core, tensor, tensor.shape);
    const width = length === 0 ? 0 : length / rows;
    if (!Number.isInteger(width)) throw wrongShape(name, `of ${rows} rows`, tensor.shape);
    if (!isLast && width % PANEL !== 0) throw wrongShape(name, `of a multiple of ${PANEL} columns, as all but the last of several outs have`, tensor.shape);
    return { name, pointer, length, first, width };
  }

  #pass(rows, outputs, x, packed, residual, out) {
    this[internal].core.pass('la_dense', [rows, this.inputs, outputs, ACTIVATIONS[this.activation], x, packed, residual, out]);
  }

  dispose() {
    releaseMemory(this);
  }
}

/** A resident out may split the last axis, [batch, heads, dim] for [batch, heads·dim]. */
function shapeOf(out, shape) {
  return out instanceof Tensor && elements(out.shape) === elements(shape) ? out.shape : shape;
}

if (Symbol.dispose) Dense.prototype[Symbol.dispose] = Dense.prototype.dispose;
