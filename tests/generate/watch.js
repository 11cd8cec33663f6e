/** Notices any change of tensors, states, caches and arrays, and of the memory in use. */
import { describeLive } from './public_calls.js';

const viewsOf = (object) => (ArrayBuffer.isView(object) ? [object] : object.maxLength ? [] : [object.data, object.keySum].filter(Boolean));
const bytes = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

export class Watch {
  #attentions;
  #entries;
  #memory;

  /** `pairs`: [attention, object]. Objects without anything to read, such as maps, are left out. */
  constructor(pairs) {
    const read = pairs.filter(([, object]) => ArrayBuffer.isView(object) || object.shape || object.maxLength || object.keySum !== undefined);
    this.#attentions = [...new Set(pairs.map(([attention]) => attention))];
    this.#memory = this.#attentions.map((attention) => attention.memory);
    this.#entries = read.map(([attention, object]) => ({ attention, object, length: object.length, copies: viewsOf(object).map((view) => Buffer.from(bytes(view))), cache: object.maxLength ? describeLive(attention, object) : null }));
  }

  /** What changed, or null. Caches can only be asked, which takes longer: `deep` does. */
  change(deep = false) {
    try {
      for (const [i, attention] of this.#attentions.entries()) if (attention.memory !== this.#memory[i]) return `memory, by ${attention.memory - this.#memory[i]} bytes`;
    } catch (error) {
      return `something that cannot be read any more: ${error.message}`;
    }
    return this.withoutMemory(deep);
  }

  /** The same, however much memory is in use. */
  withoutMemory(deep = false) {
    try {
      for (const { attention, object, length, copies, cache } of this.#entries) {
        if (object.length !== length) return `length of a ${object.constructor.name}`;
        if (!viewsOf(object).every((view, i) => bytes(view).equals(copies[i]))) return `a ${object.constructor.name}`;
        if (deep && cache !== null && describeLive(attention, object) !== cache) return 'a Cache';
      }
    } catch (error) {
      return `something that cannot be read any more: ${error.message}`;
    }
    return null;
  }
}
