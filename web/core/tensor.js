import { floatsFrom } from './arrays.js';
import { wrongKind, wrongValue } from './errors.js';
import { elementsOf, takeList, takeShape } from './lists.js';
import { internal, own, releaseMemory, residentMemory } from './resident.js';
import { elements } from './validate.js';
import { bufferOf, kindOf } from './views.js';

/** A tensor that lives in the module's linear memory. */
export class Tensor {
  constructor(core, shape, data) {
    core.check();
    const taken = takeShape('shape', shape);
    const length = elements(taken);
    const source = data === undefined ? undefined : readData(core, data, length);
    const pointer = core.alloc(length * 4);
    this.shape = Object.freeze(taken);
    own(this, { core, pointer, length });
    const floats = core.floatsAt(pointer, length);
    if (source === undefined) floats.fill(0);
    else floats.set(source);
  }

  get data() {
    const { core, pointer, length } = residentMemory('tensor', this);
    return core.floatsAt(pointer, length);
  }

  get bytes() {
    return this[internal].length * 4;
  }

  dispose() {
    releaseMemory(this);
  }
}

if (Symbol.dispose) Tensor.prototype[Symbol.dispose] = Tensor.prototype.dispose;

const NUMBERS = 'an array of numbers';

/** The numbers that a tensor of `length` elements begins with, as they will be when its memory is there: growth detaches views of linear memory, so of those a copy. */
function readData(core, data, length) {
  const given = takeList('data', data, NUMBERS);
  const kind = kindOf(data);
  if (kind?.startsWith('Big')) throw wrongKind('data', NUMBERS, data);
  if (given.length !== length) throw wrongValue('data', `${length} numbers, as shape says`, data);
  if (kind) return core.owns(bufferOf(data)) ? floatsFrom(data) : data;
  return elementsOf(given, (x) => {
    if (typeof x !== 'number') throw wrongKind('data', NUMBERS, data);
    return x;
  });
}
