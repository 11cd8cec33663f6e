import { floatsFrom, outOfMemory } from './arrays.js';
import { wrongKind, wrongValue } from './errors.js';
import { elementsOf, takeList, takeShape } from './lists.js';
import { internal, own, releaseMemory, residentMemory } from './resident.js';
import { elements } from './validate.js';
import { bufferOf, kindOf } from './views.js';

/** A tensor that lives in the module's linear memory. */
export class Tensor {
  constructor(core, shape, data) {
    const taken = takeShape('shape', shape);
    const length = elements(taken);
    const numbers = data === undefined ? undefined : readData(data, length);
    core.check();
    const source = numbers === undefined ? undefined : ownFloats(core, numbers);
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

/** More elements than any memory has are not read. */
const MOST_ELEMENTS = 2 ** 30;

/** Growth detaches views of linear memory: of those a copy. */
const ownFloats = (core, numbers) => (kindOf(numbers) && core.owns(bufferOf(numbers)) ? floatsFrom(numbers) : numbers);

/** The numbers that a tensor of `length` elements begins with: a typed array, or a plain one. */
function readData(data, length) {
  const given = takeList('data', data, NUMBERS);
  const kind = kindOf(data);
  if (kind?.startsWith('Big')) throw wrongKind('data', NUMBERS, data);
  if (given.length !== length) throw wrongValue('data', `${length} numbers, as shape says`, data);
  if (kind) return data;
  if (length >= MOST_ELEMENTS) throw outOfMemory(length * 4, 'WebAssembly');
  return elementsOf(given, (x) => {
    if (typeof x !== 'number') throw wrongKind('data', NUMBERS, data);
    return x;
  });
}
