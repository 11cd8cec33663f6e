import { Frame } from '../core/core.js';
import { wrongShape } from '../core/errors.js';
import { asTheyAre, optionTakers, takeAsIs, takeOptions, takeTensor } from '../core/given.js';
import { commitOut, locate, locateOut, place, refuseOverlap } from '../core/operand.js';
import { internal, own, releaseMemory, residentMemory } from '../core/resident.js';
import { checkNonNegative } from '../core/validate.js';
import { readVector } from './weight.js';

const takeVector = (name, value) => readVector(name, value);
const OPTIONS = optionTakers({ weight: takeVector, bias: takeVector, eps: takeAsIs });
const APPLY_OPTIONS = optionTakers(asTheyAre('out'));

/** (x − mean) / √(variance + eps) · weight + bias along the last axis. */
export class LayerNorm {
  constructor(core, options) {
    const o = takeOptions('layerNorm', options, OPTIONS);
    core.check();
    const weight = o.weight ?? readVector('weight', undefined);
    const bias = o.bias ?? readVector('bias', undefined);
    if (bias.length !== weight.length) throw wrongShape('bias', `[${weight.length}]`, [bias.length]);
    this.width = weight.length;
    this.eps = checkNonNegative('eps', o.eps, 1e-5);
    const length = 2 * this.width;
    const pointer = core.alloc(length * 4);
    core.f32.set(weight, pointer >>> 2);
    core.f32.set(bias, (pointer >>> 2) + this.width);
    own(this, { core, pointer, length });
  }

  get bytes() {
    return this[internal].length * 4;
  }

  apply(x, options) {
    const o = takeOptions('apply', options, APPLY_OPTIONS);
    const given = takeTensor('x', x);
    const { core, pointer } = residentMemory('layerNorm', this);
    const { shape } = given;
    if (shape.length === 0 || shape[shape.length - 1] !== this.width) throw wrongShape('x', `[..., ${this.width}]`, shape);
    const input = locate(core, given);
    const out = locateOut(core, o.out, [...shape]);
    if (input.pointer !== out.pointer) refuseOverlap(out, 'out', [input]);
    const frame = new Frame(core);
    try {
      const to = out.pointer || frame.alloc(out.length * 4);
      const { width, eps } = this;
      core.run({ call: 'la_layer_norm', args: { rows: input.length / width, width, eps, x: place(frame, input), weight: pointer, bias: pointer + width * 4, out: to } });
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
