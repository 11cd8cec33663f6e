/** distill in the Worker of linear-attention-wasm/learn/worker, on examples that are pulled from the caller's side. */
import { isObject } from '../core/lists.js';
import { distill } from './distill.js';

/** In place of an iterable the caller's side sends { pulled: name }, under which it gives its values one by one. Options that are none are refused by distill. */
export function distillPulled(attention, [examples, options], { pull, signal, onProgress }) {
  const find = (value) => (isObject(value) && typeof value.pulled === 'string' ? pull.from(value.pulled) : value);
  const isGiven = isObject(options) && Object.getPrototypeOf(options) === Object.prototype;
  return distill(attention, find(examples), isGiven ? { ...options, validation: find(options.validation), signal, onProgress } : options);
}
