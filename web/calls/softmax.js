/** softmax() and softmaxPart(): exact attention, with or without a cache of the keys and values seen. */
import { newFloats } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { wrongValue } from '../core/errors.js';
import { asTheyAre, optionTakers, takeOptions } from '../core/given.js';
import { commitOut, LAYOUTS, locateOut, refuseOverlap } from '../core/operand.js';
import { isResident } from '../core/resident.js';
import { checkNumber, checkOneOf } from '../core/validate.js';
import { locateBias, placeBias, readBias, takeBias } from './bias.js';
import { Cache } from './cache.js';
import { locateHeld, locateInputs, outField, placeInputs, resultShape, sizeFields, sizeInputs, takeInputs } from './inputs.js';
import { isPiecewise, runInPieces } from './pieces.js';
import { checkKeyBounds, checkMask, MASK_OPTIONS, needsSpans, readMask, spanFields } from './softmax_mask.js';

const TAKERS = { ...asTheyAre('scale', 'softcap'), bias: takeBias, ...MASK_OPTIONS, ...asTheyAre('cache', 'layout') };
const PART_OPTIONS = optionTakers(TAKERS);
const OPTIONS = optionTakers({ ...TAKERS, ...asTheyAre('out') });

/** Names of the numbers of heads in la_softmax_args. */
const HEADS = ['heads', 'kv_heads'];

function checkSoftcap(value) {
  const softcap = checkNumber('softcap', value, 0);
  if (value !== undefined && !(Math.fround(softcap) > 0)) throw wrongValue('softcap', 'a number above 0', value);
  return softcap;
}

export const softmax = (core, q, k, v, options) => attend(core, q, k, v, takeOptions('softmax', options, OPTIONS), null);

export function softmaxPart(core, q, k, v, options) {
  const part = {};
  const output = attend(core, q, k, v, takeOptions('softmaxPart', options, PART_OPTIONS), part);
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
  memory?.requireRoom(tokens.counts);
  const keys = memory === null ? inputs.k.rows : memory.lengths.reduce((most, length, b) => Math.max(most, length + tokens.counts[b]), 0);
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
    const args = sizeFields(inputs);
    args.causal = mask.causal ? 1 : 0;
    args.causal_offset = mask.offset;
    args.window = mask.window;
    args.sinks = mask.sinks;
    args.scale = scale;
    args.softcap = softcap;
    placeBias(frame, bias, args);
    const plan = { call: 'la_softmax', args, sliceable: true };
    const isPlain = memory === null && bias === null && part === null && !needsSpans(mask);
    if (isPlain && mask.keyLengths === null && isPiecewise(core, layout, inputs, inputs.q.heads, out)) return runInPieces(core, frame, plan, HEADS, inputs, inputs.q.heads, out);
    const pointer = out.pointer || frame.alloc(out.length * 4);
    placeInputs(frame, inputs, args);
    const held = memory?.append(frame, args, tokens) ?? null;
    if (held !== null || needsSpans(mask)) {
      const spans = spanFields(mask, inputs, tokens, held);
      args.spans = frame.copyIn(spans.words);
      args.span_count = spans.count;
    } else if (mask.keyLengths !== null) {
      args.key_lengths = frame.copyIn(Int32Array.from(mask.keyLengths));
    }
    args.out = outField(pointer, layout, inputs, inputs.q.heads);
    const places = sums?.map(({ length }) => frame.alloc(length * 4));
    if (places) [args.maximum, args.sum] = places;
    core.run(plan);
    held?.commit();
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
