/** softmax() and softmaxPart(): exact attention, with or without a cache of the keys and values seen. */
import { newFloats } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { wrongValue } from '../core/errors.js';
import { commitOut, LAYOUTS, locateOut, refuseOverlap } from '../core/operand.js';
import { isResident } from '../core/resident.js';
import { checkNumber, checkOneOf } from '../core/validate.js';
import { locateBias, placeBias, readBias } from './bias.js';
import { Cache } from './cache.js';
import { locateHeld, locateInputs, outField, placeInputs, resultShape, sizeInputs, takeInputs } from './inputs.js';
import { isPiecewise, runInPieces } from './pieces.js';
import { checkKeyBounds, checkMask, needsSpans, placeMask, readMask } from './softmax_mask.js';
import { PART_OPTIONS, SOFTMAX_OPTIONS, takeSoftmaxOptions } from './softmax_taken.js';

/** Names of the numbers of heads in la_softmax_args. */
const HEADS = ['heads', 'kv_heads'];

/** 0 where there is none. */
export function checkSoftcap(value) {
  const softcap = checkNumber('softcap', value, 0);
  if (value !== undefined && !(Math.fround(softcap) > 0)) throw wrongValue('softcap', 'a number above 0', value);
  return softcap;
}

/** The argument struct with a place for every field: objects that grow are slow. */
export function fieldsOf({ q, k, v }, mask, scale, softcap) {
  return {
    batch: q.batch, heads: q.heads, kv_heads: k.heads, n_q: q.rows, n_k: k.rows, dim: q.width, value_dim: v.width,
    causal: mask.causal ? 1 : 0, causal_offset: mask.offset, window: mask.window, sinks: mask.sinks, scale, softcap,
    key_lengths: 0, spans: 0, span_count: 0, q: null, k: null, v: null, out: null, bias: null, slopes: 0, maximum: 0, sum: 0, first: 0, count: 0,
  };
}

export const softmax = (core, q, k, v, options) => attend(core, q, k, v, takeSoftmaxOptions('softmax', options, SOFTMAX_OPTIONS), null);

export function softmaxPart(core, q, k, v, options) {
  const part = {};
  const output = attend(core, q, k, v, takeSoftmaxOptions('softmaxPart', options, PART_OPTIONS), part);
  return { output, ...part };
}

/** `part`: null, or where maximum and sum go. */
function attend(core, q, k, v, o, part) {
  const inputs = takeInputs(q, k, v);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizeInputs(inputs, layout);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(inputs.q.width));
  const softcap = checkSoftcap(o.softcap);
  const mask = readMask(o, inputs, isResident(o.cache, Cache) ? o.cache : null);
  const bias = readBias(o.bias, inputs);
  const tokens = checkMask(mask, inputs);
  core.check();
  const memory = o.cache === undefined ? null : locateHeld(core, 'cache', Cache, o.cache, inputs, inputs.k.heads);
  const keys = memory === null ? inputs.k.rows : memory.requireRoom(tokens, inputs.k.rows);
  checkKeyBounds(mask, inputs.k.batch, keys);
  const isWindowed = memory !== null && o.cache.window !== null;
  if (isWindowed && mask.keyLengths !== null) throw new RangeError('keyLengths must not be given with a cache that has a window: it keeps only the last keys');
  locateInputs(core, inputs, layout);
  const added = locateBias(core, bias, inputs, isWindowed ? null : keys);
  const shape = resultShape(layout, inputs, inputs.q.heads);
  const out = locateOut(core, o.out, shape);
  const sums = part === null ? null : [0, 1].map(() => newFloats(inputs.q.batch * inputs.q.heads * inputs.q.rows));
  refuseOverlap(out, 'out', [inputs.q, inputs.k, inputs.v, added]);
  if (memory !== null) refuseOverlap(out, 'out', [memory], 'cache');
  const frame = new Frame(core);
  try {
    const args = fieldsOf(inputs, mask, scale, softcap);
    placeBias(frame, bias, args);
    const plan = { call: 'la_softmax', args, sliceable: true };
    const isPlain = memory === null && bias === null && part === null && !needsSpans(mask);
    if (isPlain && mask.keyLengths === null && isPiecewise(core, layout, inputs, inputs.q.heads, out)) return runInPieces(core, frame, plan, HEADS, inputs, inputs.q.heads, out);
    const pointer = out.pointer || frame.alloc(out.length * 4);
    placeInputs(frame, inputs, args);
    const held = memory === null ? null : memory.append(frame, args, tokens, inputs.k.rows);
    placeMask(frame, mask, inputs, tokens, held, args);
    args.out = outField(pointer, layout, inputs, inputs.q.heads);
    const places = sums === null ? null : sums.map(({ length }) => frame.alloc(length * 4));
    if (places !== null) [args.maximum, args.sum] = places;
    core.run(plan);
    if (held !== null) memory.commit(held);
    if (sums) {
      sums.forEach((floats, i) => takeSums(core, places[i], floats, layout, inputs.q));
      [part.maximum, part.sum] = sums.map((data) => ({ data, shape: shape.slice(0, -1) }));
    }
    return commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}

/** Copies [batch, heads, length] numbers out, in the order of the result's rows. */
function takeSums(core, pointer, floats, layout, { batch, heads, rows }) {
  const from = core.floatsAt(pointer, floats.length);
  if (layout === 'bhtd') {
    floats.set(from);
    return;
  }
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) for (let t = 0; t < rows; t++) floats[(b * rows + t) * heads + h] = from[(b * heads + h) * rows + t];
  }
}
