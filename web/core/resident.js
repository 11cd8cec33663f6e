/** Objects that hold memory of an instance: tensors, states, caches, feature maps, layers. */
import { AttentionError, wrongKind } from './errors.js';

/** Where such an object keeps its core and the address of its memory. */
export const internal = Symbol('linear-attention-wasm');

/** Where an object that stands for one of the Worker of linear-attention-wasm/worker keeps { connection, id }. */
export const handle = Symbol('handle');

/** Those that were made here: a proxy of one, or an object that says it is one, is not among them. */
const residents = new WeakSet();

/** Gives an object its memory, { core, pointer, … }, and freezes it. */
export function own(object, memory) {
  object[internal] = memory;
  residents.add(object);
  Object.freeze(object);
}

/** Whether it is an object of this class that was made here. */
export const isResident = (value, Kind) => residents.has(value) && value instanceof Kind;

/** What is `ours` must be that of the object that was given as `name`: its instance. */
export function requireInstance(name, theirs, ours) {
  if (theirs !== ours) throw new RangeError(`${name} must belong to this attention instance, got one of another instance`);
}

/** The memory of an object that was given as `name` for one of this class and instance, while it is there. */
export function memoryOf(core, name, value, Kind, expected) {
  if (!isResident(value, Kind)) throw wrongKind(name, expected, value);
  requireInstance(name, value[internal].core, core);
  return residentMemory(name, value);
}

/** The memory behind a resident object, when it is still there. */
export function residentMemory(name, object) {
  const memory = object[internal];
  if (memory.pointer === 0) throw new AttentionError('disposed', `${name} was disposed`);
  memory.core.check();
  return memory;
}

/** Gives the memory behind a resident object back, once. */
export function releaseMemory(object) {
  const memory = object[internal];
  if (memory.pointer === 0) return;
  memory.core.free(memory.pointer);
  memory.pointer = 0;
}
