/** What the calls on whole sequences share, and softmax(). */
import { wrongKind, wrongShape } from '../core/errors.js';
import { Cache } from './cache.js';
import { float, Frame } from '../core/core.js';
import { commitOut, LAYOUTS, place, readArray, readOut, refuseOverlap } from '../core/operand.js';
import { inPieces, isPiecewise } from './pieces.js';
import { residentMemory } from '../core/tensor.js';
import { checkBoolean, checkInteger, checkKeyLengths, checkNumber, checkOneOf, checkOptions, MAX_DIM } from '../core/validate.js';

const SOFTMAX_OPTIONS = ['causal', 'scale', 'keyLengths', 'cache', 'layout', 'out'];

/** What q, k and v are called where the caller has no names of its own for them. */
export const NAMES = { q: 'q', k: 'k', v: 'v' };

/** q and k of shapes that go together; `names`: what the caller knows them by. */
export function readPair(core, layout, q, k, names = NAMES) {
  const query = readArray(core, names.q, q, layout);
  const key = readArray(core, names.k, k, layout);
  checkInteger(`dim (the last axis of ${names.q})`, query.width, 1, MAX_DIM);
  if (key.width !== query.width) throw wrongShape(names.k, `with dim ${query.width}, as ${names.q} has`, key.shape);
  if (key.batch !== query.batch) throw wrongShape(names.k, `with batch ${query.batch}, as ${names.q} has`, key.shape);
  if (key.heads < 1 || query.heads < 1 || query.heads % key.heads !== 0) {
    throw new RangeError(`heads of ${names.q} must be a multiple of heads of ${names.k}, got ${query.heads} and ${key.heads}`);
  }
  return { q: query, k: key };
}

/** q, k and v of shapes that go together. */
export function readInputs(core, layout, q, k, v, names = NAMES) {
  const pair = readPair(core, layout, q, k, names);
  const { k: key } = pair;
  const value = readArray(core, names.v, v, layout);
  checkInteger(`valueDim (the last axis of ${names.v})`, value.width, 1, MAX_DIM);
  if (value.batch !== key.batch || value.heads !== key.heads || value.rows !== key.rows) {
    throw wrongShape(names.v, `with batch ${key.batch}, heads ${key.heads} and length ${key.rows}, as ${names.k} has`, value.shape);
  }
  return { ...pair, v: value };
}

/** Fields batch … value_dim of the argument structs. */
export const sizeFields = ({ q, k, v }, keys = k.rows) => [q.batch, q.heads, k.heads, q.rows, keys, q.width, v.width];

/** Fields of an la_array. */
export const arrayFields = (pointer, strides) => [pointer, ...strides];

export function requireSameLength(causal, { q, k }) {
  if (causal && q.rows !== k.rows) throw new RangeError(`causal linear attention needs as many queries as keys, got ${q.rows} and ${k.rows}`);
}

export const resultShape = (inputs) => [...inputs.q.shape.slice(0, -1), inputs.v.width];

/** Strides of a result with q's layout and v's width. */
export function outStrides(layout, { q, v }) {
  const width = v.width;
  return layout === 'bhtd' ? [q.heads * q.rows * width, q.rows * width, width] : [q.rows * q.heads * width, width, q.heads * width];
}

/** The memory of what a call reads and updates, named 'cache' or 'state', when its sizes are the call's. */
export function checkHeld(core, name, Kind, held, { k, v }) {
  if (!(held instanceof Kind)) throw wrongKind(name, name === 'state' ? 'a State' : 'a Cache', held);
  const memory = residentMemory(name, held);
  if (memory.core !== core) throw new RangeError(`${name} must belong to this attention instance, got one of another instance`);
  for (const [size, got, expected] of [['batch', k.batch, held.batch], [`heads of ${k.name}`, k.heads, held.heads], ['dim', k.width, held.dim], ['valueDim', v.width, held.valueDim]]) {
    if (got !== expected) throw new RangeError(`${size} must be ${expected}, as the ${name} has, got ${got}`);
  }
  return memory;
}

export function softmax(core, q, k, v, options) {
  core.check();
  const o = checkOptions('softmax', options, SOFTMAX_OPTIONS);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const inputs = readInputs(core, layout, q, k, v);
  const causal = checkBoolean('causal', o.causal, false);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(inputs.q.width));
  const memory = o.cache === undefined ? null : checkHeld(core, 'cache', Cache, o.cache, inputs);
  const before = memory ? o.cache.length : 0;
  const keys = before + inputs.k.rows;
  const keyLengths = checkKeyLengths(o.keyLengths, inputs.k.batch, keys);
  const out = readOut(core, o.out, resultShape(inputs));
  refuseOverlap('out', out, [inputs.q, inputs.k, inputs.v, ...(memory ? [{ name: 'cache', pointer: memory.pointer, length: memory.length }] : [])]);
  memory?.requireRoom(keys);
  const frame = new Frame(core);
  try {
    const pass = (sized, at, outAt, lengths = 0, past = null) =>
      core.pass('la_softmax', [
        ...sizeFields(sized, keys), causal ? 1 : 0, before, float(scale), lengths,
        ...arrayFields(at[0], inputs.q.strides),
        ...(past ? past.keys : arrayFields(at[1], inputs.k.strides)),
        ...(past ? past.values : arrayFields(at[2], inputs.v.strides)),
        ...arrayFields(outAt, outStrides(layout, inputs)),
      ]);
    if (memory === null && keyLengths === null && isPiecewise(core, layout, inputs, out)) return inPieces(core, frame, inputs, out, pass);
    const pointer = out.pointer || frame.alloc(out.length * 4);
    const at = [inputs.q, inputs.k, inputs.v].map((operand) => place(frame, operand));
    const lengths = keyLengths ? frame.copyIn(keyLengths) : 0;
    pass(inputs, at, pointer, lengths, memory ? memory.append(at[1], inputs.k, at[2], inputs.v) : null);
    memory?.setLength(keys);
    return commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}
