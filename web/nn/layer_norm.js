import { wrongShape } from '../core/errors.js';
import { float, Frame } from '../core/core.js';
import { commitOut, place, readOperand, readOut, refuseOverlap } from '../core/operand.js';
import { internal, ownArray, releaseMemory, residentMemory } from '../core/tensor.js';
import { checkNonNegative, checkOptions } from '../core/validate.js';
import { readVector } from './weight.js';

/** (x − mean) / √(variance + eps) · weight + bias along the last axis. */
export class LayerNorm {
  constructor(core, options) {
    core.check();
    const o = checkOptions('layerNorm', options, ['weight', 'bias', 'eps']);
    const weight = ownArray(core, readVector('weight', o.weight));
    const bias = ownArray(core, readVector('bias', o.bias, weight.length));
    this.width = weight.length;
    this.eps = checkNonNegative('eps', o.eps, 1e-5);
    const length = 2 * this.width;
    const pointer = core.alloc(length * 4);
    core.f32.set(weight, pointer >>> 2);
    core.f32.set(bias, (pointer >>> 2) + this.width);
    this[internal] = { core, pointer, length };
    Object.freeze(this);
  }

  get bytes() {
    return this[internal].length * 4;
  }

  apply(x, options) {
    const { core, pointer } = residentMemory('layerNorm', this);
    const o = checkOptions('apply', options, ['out']);
    const input = readOperand(core, 'x', x);
    const { shape } = input;
    if (shape.length === 0 || shape[shape.length - 1] !== this.width) throw wrongShape('x', `[..., ${this.width}]`, shape);
    const out = readOut(core, o.out, [...shape]);
    if (input.pointer !== out.pointer) refuseOverlap('out', out, [input]);
    const frame = new Frame(core);
    try {
      const to = out.pointer || frame.alloc(out.length * 4);
      core.pass('la_layer_norm', [input.length / this.width, this.width, float(this.eps), place(frame, input), pointer, pointer + this.width * 4, to]);
      return commitOut(core, out, to);
    } finally {
      frame.release();
    }
  }

  dispose() {
    releaseMemory(this);
  }
}

if (Symbol.dispose) LayerNorm.prototype[Symbol.dispose] = LayerNorm.prototype.dispose;
