/** softmax(): exact attention, with or without a cache of the keys and values seen. */
import { Frame } from '../core/core.js';
import { asTheyAre, checkKeyLengths, optionTakers, readKeyLengths, takeKeyLengths, takeOptions } from '../core/given.js';
import { commitOut, LAYOUTS, locateOut, refuseOverlap } from '../core/operand.js';
import { checkBoolean, checkNumber, checkOneOf } from '../core/validate.js';
import { Cache } from './cache.js';
import { locateHeld, locateInputs, outField, placeInputs, resultShape, sizeFields, sizeInputs, takeInputs } from './inputs.js';
import { isPiecewise, runInPieces } from './pieces.js';

const OPTIONS = optionTakers({ ...asTheyAre('causal', 'scale'), keyLengths: takeKeyLengths, ...asTheyAre('cache', 'layout', 'out') });

/** Names of the numbers of heads in la_softmax_args. */
const HEADS = ['heads', 'kv_heads'];

export function softmax(core, q, k, v, options) {
  const o = takeOptions('softmax', options, OPTIONS);
  const inputs = takeInputs(q, k, v);
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
  const out = locateOut(core, o.out, resultShape(layout, inputs, inputs.q.heads));
  refuseOverlap(out, 'out', [inputs.q, inputs.k, inputs.v]);
  if (memory !== null) refuseOverlap(out, 'out', [memory], 'cache');
  const frame = new Frame(core);
  try {
    const args = sizeFields(inputs);
    args.n_k = keys;
    args.causal = causal ? 1 : 0;
    args.causal_offset = before;
    args.scale = scale;
    args.key_lengths = keyLengths ? frame.copyIn(keyLengths) : 0;
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
