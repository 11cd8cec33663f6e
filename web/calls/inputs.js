/** q, k and v of the calls on whole sequences: taken, sized, located, and as fields of the argument structs. */
import { wrongShape } from '../core/errors.js';
import { takeTensor } from '../core/given.js';
import { arrayField, locateArray, sizeArray, stridesOf } from '../core/operand.js';
import { memoryOf } from '../core/resident.js';
import { checkInteger, MAX_DIM, MAX_VALUE_DIM } from '../core/validate.js';

export const takePair = (q, k) => ({ q: takeTensor('q', q), k: takeTensor('k', k) });

export const takeInputs = (q, k, v) => ({ q: takeTensor('q', q), k: takeTensor('k', k), v: takeTensor('v', v) });

/** Sizes of q and k that go together, but for their heads. */
function sizeVectors({ q, k }, layout) {
  sizeArray(q, layout);
  sizeArray(k, layout);
  checkInteger(`dim (the last axis of ${q.name})`, q.width, 1, MAX_DIM);
  if (k.width !== q.width) throw wrongShape(k.name, `with dim ${q.width}, as ${q.name} has`, k.shape);
  if (k.batch !== q.batch) throw wrongShape(k.name, `with batch ${q.batch}, as ${q.name} has`, k.shape);
}

const checkValueDim = (v) => checkInteger(`valueDim (the last axis of ${v.name})`, v.width, 1, MAX_VALUE_DIM);

/** Sizes of q and k that go together, the heads of q a multiple of those of k. */
export function sizePair({ q, k }, layout) {
  sizeVectors({ q, k }, layout);
  if (k.heads < 1 || q.heads < 1 || q.heads % k.heads !== 0) {
    throw new RangeError(`heads of ${q.name} must be a multiple of heads of ${k.name}, got ${q.heads} and ${k.heads}`);
  }
}

/** Sizes of q, k and v that go together where k and v have the same heads, as softmax attention needs. */
export function sizeInputs(inputs, layout) {
  sizePair(inputs, layout);
  const { k, v } = inputs;
  sizeArray(v, layout);
  checkValueDim(v);
  if (v.batch !== k.batch || v.heads !== k.heads || v.rows !== k.rows) {
    throw wrongShape(v.name, `with batch ${k.batch}, heads ${k.heads} and length ${k.rows}, as ${k.name} has`, v.shape);
  }
}

/** Sizes of q, k and v of linear attention that go together. */
export function sizeLinear(inputs, layout) {
  sizeVectors(inputs, layout);
  const { q, k, v } = inputs;
  sizeArray(v, layout);
  checkValueDim(v);
  if (v.batch !== k.batch || v.rows !== k.rows) throw wrongShape(v.name, `with batch ${k.batch} and length ${k.rows}, as ${k.name} has`, v.shape);
  checkHeads(q, k, v);
}

/** Heads of linear attention: the largest number is a multiple of the others, the larger of k's and v's of the smaller. */
export function checkHeads(q, k, v) {
  requireHeads(v, k.heads, k.name);
  if (k.heads > v.heads) requireHeads(q, k.heads, k.name);
  else requireHeads(q, v.heads, v.name);
}

function requireHeads({ name, heads }, others, theirName) {
  if (others < 1) throw new RangeError(`heads of ${theirName} must be at least 1, got ${others}`);
  if (heads < 1 || Math.max(heads, others) % Math.min(heads, others) !== 0) {
    throw new RangeError(`heads of ${name} must be a multiple or a divisor of the ${others} of ${theirName}, got ${heads}`);
  }
}

/** How many states linear attention keeps, one a head of whichever of k and v has more. */
export const stateHeads = ({ k, v }) => Math.max(k.heads, v.heads);

/** Heads of a result of linear attention. */
export const resultHeads = ({ q, k, v }) => Math.max(q.heads, k.heads, v.heads);

/** Finds where they lie; v may be missing. */
export function locateInputs(core, { q, k, v }, layout) {
  locateArray(core, q, layout);
  locateArray(core, k, layout);
  if (v) locateArray(core, v, layout);
}

/** Sizes, in the names of the argument structs. */
export const sizeFields = ({ q, k, v }) => ({ batch: q.batch, heads: q.heads, kv_heads: k.heads, n_q: q.rows, n_k: k.rows, dim: q.width, value_dim: v?.width ?? 0 });

/** The same of la_linear_args. */
export const linearFields = ({ q, k, v }) => ({
  batch: q.batch, heads: resultHeads({ q, k, v }), q_heads: q.heads, k_heads: k.heads, v_heads: v.heads, n_q: q.rows, n_k: k.rows, dim: q.width, value_dim: v.width,
});

/** Sets q, k and v of an argument struct, copied in for the time of the call where they are not resident. */
export function placeInputs(frame, { q, k, v }, args) {
  args.q = arrayField(frame, q);
  args.k = arrayField(frame, k);
  if (v) args.v = arrayField(frame, v);
}

/** Sets k and v alone. */
export function placePair(frame, { k, v }, args) {
  args.k = arrayField(frame, k);
  args.v = arrayField(frame, v);
}

/** The la_array of a result with so many heads and q's layout and rows. */
export function outField(pointer, layout, { q, v }, heads) {
  const { batch, head, row } = stridesOf(layout, { heads, rows: q.rows }, v.width);
  return { data: pointer, batch, head, row };
}

export function requireSameLength(causal, { q, k }) {
  if (causal && q.rows !== k.rows) throw new RangeError(`causal linear attention needs as many queries as keys, got ${q.rows} and ${k.rows}`);
}

/** How many axes an array of so many heads has beside one of this shape: those that the shape has, and one of heads where there are some. */
export const rankWith = (shape, heads) => (heads > 1 ? Math.max(shape.length, 3) : shape.length);

/** The shape of a result of so many heads, of q's rank. */
export function resultShape(layout, { q, v }, heads) {
  const shape = layout === 'bhtd' ? [q.batch, heads, q.rows, v.width] : [q.batch, q.rows, heads, v.width];
  const rank = rankWith(q.shape, heads);
  return rank === 4 ? shape : rank === 3 ? shape.slice(1) : [q.rows, v.width];
}

/** The memory of what a call reads and updates, a cache or a state, when its sizes are the call's; `heads`: those of k and v. */
export function locateHeld(core, name, Kind, held, { k, v }, heads) {
  const memory = memoryOf(core, name, held, Kind, name === 'state' ? 'a State' : 'a Cache');
  const whose = k.heads === v.heads ? k.name : `${k.name} and ${v.name}, the larger number,`;
  for (const [size, got, expected] of [['batch', k.batch, held.batch], [`heads of ${whose}`, heads, held.heads], ['dim', k.width, held.dim], ['valueDim', v.width, held.valueDim]]) {
    if (got !== expected) throw new RangeError(`${size} must be ${expected}, as the ${name} has, got ${got}`);
  }
  return memory;
}
