/** q, k and v of the calls on whole sequences: taken, sized, located, and as fields of the argument structs. */
import { wrongShape } from '../core/errors.js';
import { takeTensor } from '../core/given.js';
import { arrayField, locateArray, sizeArray, stridesOf } from '../core/operand.js';
import { memoryOf } from '../core/resident.js';
import { checkInteger, MAX_DIM } from '../core/validate.js';

export const takePair = (q, k) => ({ q: takeTensor('q', q), k: takeTensor('k', k) });

export const takeInputs = (q, k, v) => ({ q: takeTensor('q', q), k: takeTensor('k', k), v: takeTensor('v', v) });

/** Sizes of q and k that go together. */
export function sizePair({ q, k }, layout) {
  sizeArray(q, layout);
  sizeArray(k, layout);
  checkInteger(`dim (the last axis of ${q.name})`, q.width, 1, MAX_DIM);
  if (k.width !== q.width) throw wrongShape(k.name, `with dim ${q.width}, as ${q.name} has`, k.shape);
  if (k.batch !== q.batch) throw wrongShape(k.name, `with batch ${q.batch}, as ${q.name} has`, k.shape);
  if (k.heads < 1 || q.heads < 1 || q.heads % k.heads !== 0) {
    throw new RangeError(`heads of ${q.name} must be a multiple of heads of ${k.name}, got ${q.heads} and ${k.heads}`);
  }
}

/** Sizes of q, k and v that go together. */
export function sizeInputs(inputs, layout) {
  sizePair(inputs, layout);
  const { k, v } = inputs;
  sizeArray(v, layout);
  checkInteger(`valueDim (the last axis of ${v.name})`, v.width, 1, MAX_DIM);
  if (v.batch !== k.batch || v.heads !== k.heads || v.rows !== k.rows) {
    throw wrongShape(v.name, `with batch ${k.batch}, heads ${k.heads} and length ${k.rows}, as ${k.name} has`, v.shape);
  }
}

/** Finds where they lie; v may be missing. */
export function locateInputs(core, { q, k, v }, layout) {
  locateArray(core, q, layout);
  locateArray(core, k, layout);
  if (v) locateArray(core, v, layout);
}

/** Sizes, in the names of the argument structs. */
export const sizeFields = ({ q, k, v }) => ({ batch: q.batch, heads: q.heads, kv_heads: k.heads, n_q: q.rows, n_k: k.rows, dim: q.width, value_dim: v?.width ?? 0 });

/** Sets q, k and v of an argument struct, copied in for the time of the call where they are not resident. */
export function placeInputs(frame, { q, k, v }, args) {
  args.q = arrayField(frame, q);
  args.k = arrayField(frame, k);
  if (v) args.v = arrayField(frame, v);
}

/** The la_array of a result with q's layout and v's width. */
export function outField(pointer, layout, { q, v }) {
  const { batch, head, row } = stridesOf(layout, q, v.width);
  return { data: pointer, batch, head, row };
}

export function requireSameLength(causal, { q, k }) {
  if (causal && q.rows !== k.rows) throw new RangeError(`causal linear attention needs as many queries as keys, got ${q.rows} and ${k.rows}`);
}

export function resultShape({ q, v }) {
  const shape = q.shape.slice();
  shape[shape.length - 1] = v.width;
  return shape;
}

/** The memory of what a call reads and updates, a cache or a state, when its sizes are the call's. */
export function locateHeld(core, name, Kind, held, { k, v }) {
  const memory = memoryOf(core, name, held, Kind, name === 'state' ? 'a State' : 'a Cache');
  for (const [size, got, expected] of [['batch', k.batch, held.batch], [`heads of ${k.name}`, k.heads, held.heads], ['dim', k.width, held.dim], ['valueDim', v.width, held.valueDim]]) {
    if (got !== expected) throw new RangeError(`${size} must be ${expected}, as the ${name} has, got ${got}`);
  }
  return memory;
}
