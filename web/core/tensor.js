import { AttentionError, wrongKind, wrongValue } from './errors.js';
import { checkShape, elements, isList } from './validate.js';

/** The instance's core and the address behind a public object. */
export const internal = Symbol('linear-attention-wasm');

/** A tensor that lives in the module's linear memory. */
export class Tensor {
  constructor(core, shape, data) {
    core.check();
    const checked = checkShape('shape', shape);
    const length = elements(checked);
    if (data !== undefined) checkData(data, length);
    const source = data === undefined ? undefined : ownArray(core, data);
    const pointer = core.alloc(length * 4);
    this.shape = Object.freeze(checked);
    this[internal] = { core, pointer, length };
    Object.freeze(this);
    if (source === undefined) this.data.fill(0);
    else this.data.set(source);
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

function checkData(data, length) {
  const isTyped = ArrayBuffer.isView(data) && !(data instanceof BigInt64Array || data instanceof BigUint64Array);
  const isNumbers = isList(data) && (isTyped || Array.from(data).every((x) => typeof x === 'number'));
  if (!isNumbers) throw wrongKind('data', 'an array of numbers', data);
  if (data.length !== length) throw wrongValue('data', `${length} numbers, as shape says`, data);
}

/** An array to be read after an allocation: growth detaches views of linear memory, so of those a copy. */
export const ownArray = (core, data) => (data.buffer === core.exports.memory.buffer ? data.slice() : data);

/** Gives the memory behind a resident object back, once. */
export function releaseMemory(object) {
  const memory = object[internal];
  if (memory.pointer === 0) return;
  memory.core.free(memory.pointer);
  memory.pointer = 0;
}

/** The memory behind a resident object, when it is still there. */
export function residentMemory(name, object) {
  const memory = object[internal];
  if (memory.pointer === 0) throw new AttentionError('disposed', `${name} was disposed`);
  memory.core.check();
  return memory;
}
