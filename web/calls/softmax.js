/** softmax(): exact attention, with or without a cache of the keys and values seen. */
import { Frame } from '../core/core.js';
import { asTheyAre, checkKeyLengths, readKeyLengths, takeKeyLengths, takeOptions } from '../core/given.js';
import { commitOut, LAYOUTS, locateOut, refuseOverlap } from '../core/operand.js';
import { checkBoolean, checkNumber, checkOneOf } from '../core/validate.js';
import { Cache } from './cache.js';
import { locateHeld, locateInputs, outField, placeInputs, resultShape, sizeFields, sizeInputs, takeInputs } from './inputs.js';
import { isPiecewise, runInPieces } from './pieces.js';

const OPTIONS = { ...asTheyAre('causal', 'scale'), keyLengths: takeKeyLengths, ...asTheyAre('cache', 'layout', 'out') };

export function softmax(core, q, k, v, options) {
  const o = takeOptions('softmax', options, OPTIONS);
  const given = takeInputs(q, k, v);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const sized = sizeInputs(given, layout);
  const causal = checkBoolean('causal', o.causal, false);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(sized.q.width));
  const lengths = readKeyLengths(o.keyLengths, sized.k.batch);
  core.check();
  const memory = o.cache === undefined ? null : locateHeld(core, 'cache', Cache, o.cache, sized);
  const before = memory ? o.cache.length : 0;
  const keys = before + sized.k.rows;
  memory?.requireRoom(keys);
  const keyLengths = checkKeyLengths(lengths, keys);
  const inputs = locateInputs(core, sized, layout);
  const out = locateOut(core, o.out, resultShape(inputs));
  refuseOverlap(out, [...Object.values(inputs), ...(memory ? [memory] : [])]);
  const frame = new Frame(core);
  try {
    const args = {
      ...sizeFields(inputs), n_k: keys, causal: causal ? 1 : 0, causal_offset: before, scale,
      key_lengths: keyLengths ? frame.copyIn(keyLengths) : 0,
    };
    const plan = { call: 'la_softmax', args, sliceable: true };
    if (memory === null && keyLengths === null && isPiecewise(core, layout, inputs, out)) return runInPieces(core, frame, plan, inputs, out);
    const pointer = out.pointer || frame.alloc(out.length * 4);
    const arrays = placeInputs(frame, inputs);
    const held = memory ? memory.append(arrays, inputs.k.rows) : {};
    core.run({ ...plan, args: { ...args, ...arrays, ...held, out: outField(pointer, layout, inputs) } });
    memory?.setLength(keys);
    return commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}
