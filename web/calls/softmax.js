/** softmax(): exact attention, with or without a cache of the keys and values seen. */
import { Frame } from '../core/core.js';
import { asTheyAre, checkKeyLengths, optionTakers, readKeyLengths, takeKeyLengths, takeOptions } from '../core/given.js';
import { commitOut, LAYOUTS, locateOut, refuseOverlap } from '../core/operand.js';
import { checkBoolean, checkNumber, checkOneOf } from '../core/validate.js';
import { Cache } from './cache.js';
import { locateHeld, locateInputs, outField, placeInputs, resultShape, sizeFields, sizeInputs, takeInputs } from './inputs.js';
import { isPiecewise, runInPieces } from './pieces.js';

/** What takes each option but `cache` and `out`. */
export const SOFTMAX_OPTIONS = { ...asTheyAre('causal', 'scale'), keyLengths: takeKeyLengths, ...asTheyAre('layout') };

const OPTIONS = optionTakers({ ...SOFTMAX_OPTIONS, ...asTheyAre('cache', 'out') });

/** Names of the numbers of heads in la_softmax_args. */
const HEADS = ['heads', 'kv_heads'];

/** A call on what was taken, `inputs` q, k and v and `o` by the names of its options: all of it checked and located. */
export function locateSoftmax(core, inputs, o) {
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizeInputs(inputs, layout);
  const causal = checkBoolean('causal', o.causal, false);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(inputs.q.width));
  const lengths = readKeyLengths(o.keyLengths, inputs.k.batch);
  core.check();
  const memory = o.cache === undefined ? null : locateHeld(core, 'cache', Cache, o.cache, inputs, inputs.k.heads);
  const before = memory === null ? 0 : o.cache.length;
  const keys = before + inputs.k.rows;
  memory?.requireRoom(keys);
  const keyLengths = checkKeyLengths(lengths, keys);
  locateInputs(core, inputs, layout);
  return { layout, causal, scale, memory, before, keys, keyLengths };
}

/** What la_softmax_args say of it beside the arrays. */
export function softmaxArguments(frame, inputs, { causal, scale, before, keys, keyLengths }) {
  const args = sizeFields(inputs);
  args.n_k = keys;
  args.causal = causal ? 1 : 0;
  args.causal_offset = before;
  args.scale = scale;
  args.key_lengths = keyLengths ? frame.copyIn(keyLengths) : 0;
  return args;
}

export function softmax(core, q, k, v, options) {
  const o = takeOptions('softmax', options, OPTIONS);
  const inputs = takeInputs(q, k, v);
  const call = locateSoftmax(core, inputs, o);
  const { layout, memory, keys, keyLengths } = call;
  const out = locateOut(core, o.out, resultShape(layout, inputs, inputs.q.heads));
  refuseOverlap(out, 'out', [inputs.q, inputs.k, inputs.v]);
  if (memory !== null) refuseOverlap(out, 'out', [memory], 'cache');
  const frame = new Frame(core);
  try {
    const args = softmaxArguments(frame, inputs, call);
    const plan = { call: 'la_softmax', args, sliceable: true };
    if (memory === null && keyLengths === null && isPiecewise(core, layout, inputs, inputs.q.heads, out)) return runInPieces(core, frame, plan, HEADS, inputs, inputs.q.heads, out);
    const pointer = out.pointer || frame.alloc(out.length * 4);
    placeInputs(frame, inputs, args);
    memory?.append(args, inputs.k.rows);
    args.out = outField(pointer, layout, inputs, inputs.q.heads);
    core.run(plan);
    memory?.setLength(keys);
    return commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}
