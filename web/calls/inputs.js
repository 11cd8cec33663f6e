/** q, k and v of the calls on whole sequences: taken, sized, located, and as fields of the argument structs. */
import { wrongShape } from '../core/errors.js';
import { takeTensor } from '../core/given.js';
import { locateArray, place, sizeArray, stridesOf } from '../core/operand.js';
import { memoryOf } from '../core/resident.js';
import { checkInteger, MAX_DIM } from '../core/validate.js';

/** What q, k and v are called where the caller has no names of its own for them. */
export const NAMES = { q: 'q', k: 'k', v: 'v' };

export const takePair = (q, k, names = NAMES) => ({ q: takeTensor(names.q, q), k: takeTensor(names.k, k) });

export const takeInputs = (q, k, v, names = NAMES) => ({ ...takePair(q, k, names), v: takeTensor(names.v, v) });

/** q and k of shapes that go together. */
export function sizePair(given, layout) {
  const [q, k] = [sizeArray(given.q, layout), sizeArray(given.k, layout)];
  checkInteger(`dim (the last axis of ${q.name})`, q.width, 1, MAX_DIM);
  if (k.width !== q.width) throw wrongShape(k.name, `with dim ${q.width}, as ${q.name} has`, k.shape);
  if (k.batch !== q.batch) throw wrongShape(k.name, `with batch ${q.batch}, as ${q.name} has`, k.shape);
  if (k.heads < 1 || q.heads < 1 || q.heads % k.heads !== 0) {
    throw new RangeError(`heads of ${q.name} must be a multiple of heads of ${k.name}, got ${q.heads} and ${k.heads}`);
  }
  return { q, k };
}

/** q, k and v of shapes that go together. */
export function sizeInputs(given, layout) {
  const { q, k } = sizePair(given, layout);
  const v = sizeArray(given.v, layout);
  checkInteger(`valueDim (the last axis of ${v.name})`, v.width, 1, MAX_DIM);
  if (v.batch !== k.batch || v.heads !== k.heads || v.rows !== k.rows) {
    throw wrongShape(v.name, `with batch ${k.batch}, heads ${k.heads} and length ${k.rows}, as ${k.name} has`, v.shape);
  }
  return { q, k, v };
}

/** Where they lie. */
export const locateInputs = (core, sized, layout) => mapInputs(sized, (one) => locateArray(core, one, layout));

export const mapInputs = (inputs, f) => Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, f(one)]));

/** Fields batch … value_dim of the argument structs. */
export const sizeFields = ({ q, k, v }) => ({
  batch: q.batch, heads: q.heads, kv_heads: k.heads, n_q: q.rows, n_k: k.rows, dim: q.width, ...(v && { value_dim: v.width }),
});

/** An la_array for each input, copied in for the time of the call where it is not resident. */
export const placeInputs = (frame, inputs) => mapInputs(inputs, (one) => ({ data: place(frame, one), ...one.strides }));

/** The la_array of a result with q's layout and v's width. */
export const outField = (pointer, layout, { q, v }) => ({ data: pointer, ...stridesOf(layout, q, v.width) });

export function requireSameLength(causal, { q, k }) {
  if (causal && q.rows !== k.rows) throw new RangeError(`causal linear attention needs as many queries as keys, got ${q.rows} and ${k.rows}`);
}

export const resultShape = ({ q, v }) => [...q.shape.slice(0, -1), v.width];

/** The memory of what a call reads and updates, a cache or a state, when its sizes are the call's. */
export function locateHeld(core, name, Kind, held, { k, v }) {
  const memory = memoryOf(core, name, held, Kind, name === 'state' ? 'a State' : 'a Cache');
  for (const [size, got, expected] of [['batch', k.batch, held.batch], [`heads of ${k.name}`, k.heads, held.heads], ['dim', k.width, held.dim], ['valueDim', v.width, held.valueDim]]) {
    if (got !== expected) throw new RangeError(`${size} must be ${expected}, as the ${name} has, got ${got}`);
  }
  return { ...memory, name };
}
