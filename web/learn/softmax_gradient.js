/** softmaxGradient(): how the outputs of softmax() depend on q, k, v and what is added to its scores. */
import { locateBias, placeBias, readBias } from '../calls/bias.js';
import { locateInputs, placeInputs, sizeInputs, takeInputs } from '../calls/inputs.js';
import { checkSoftcap, fieldsOf } from '../calls/softmax.js';
import { checkKeyBounds, checkMask, placeMask, readMask } from '../calls/softmax_mask.js';
import { GRADIENT_OPTIONS, takeSoftmaxOptions } from '../calls/softmax_taken.js';
import { floatsFrom, newArray } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { takeTensor } from '../core/given.js';
import { arrayField, LAYOUTS } from '../core/operand.js';
import { checkBoolean, checkNumber, checkOneOf } from '../core/validate.js';
import { learningCore } from './instance.js';
import { locateResult } from './linear_gradient.js';
import { arrayLike, resultAt, roomFor } from './results.js';
import { placeForward, runLearn } from './structs.js';

/** Whether the gradient of a bias is asked for: it may be as large as queries × keys. */
function checkBiasGradient({ biasGradient, bias }) {
  const isWanted = checkBoolean('biasGradient', biasGradient, false);
  if (isWanted && bias === undefined) throw new RangeError('biasGradient needs bias, of which it is the gradient');
  return isWanted;
}

/** A call on what was taken, `inputs` q, k and v and `o` by the names of its options: all of it checked and located. */
function locateSoftmax(core, inputs, o) {
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizeInputs(inputs, layout);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(inputs.q.width));
  const softcap = checkSoftcap(o.softcap);
  const wantsBias = checkBiasGradient(o);
  const mask = readMask(o, inputs, null);
  const bias = readBias(o.bias, inputs);
  const tokens = checkMask(mask, inputs);
  core.check();
  checkKeyBounds(mask, inputs.k.batch, inputs.k.rows);
  locateInputs(core, inputs, layout);
  locateBias(core, bias, inputs, inputs.k.rows);
  return { layout, scale, softcap, mask, bias, tokens, wantsBias };
}

/** Slopes have a gradient in every row of the batch: their sums. */
function slopesResult(core, pointer, { given }, { batch, heads }) {
  const sums = newArray(Float64Array, heads);
  core.floatsAt(pointer, batch * heads).forEach((x, i) => (sums[i % heads] += x));
  return { data: floatsFrom(sums), shape: [...given.shape] };
}

/** Fields of the gradient of a bias, and what reads it. */
function placeBiasGradient(frame, { bias, wantsBias }, forward, { q }) {
  if (!wantsBias) return { fields: {}, read: () => ({}) };
  const { core } = frame;
  if (bias.slopes !== null) {
    const d_slopes = roomFor(frame, q.batch * q.heads);
    return { fields: { d_slopes }, read: () => ({ dBias: slopesResult(core, d_slopes, bias, q) }) };
  }
  const { shape } = bias.given;
  const d_bias = { ...forward.bias, data: roomFor(frame, shape[0] * shape[1] * shape[2]) };
  return { fields: { d_bias }, read: () => ({ dBias: resultAt(core, d_bias.data, shape) }) };
}

export function softmaxGradient(attention, q, k, v, dOut, options) {
  const core = learningCore(attention, 'softmaxGradient');
  const o = takeSoftmaxOptions('softmaxGradient', options, GRADIENT_OPTIONS);
  const inputs = takeInputs(q, k, v);
  const outGradient = takeTensor('dOut', dOut);
  const call = locateSoftmax(core, inputs, o);
  locateResult(core, outGradient, call.layout, inputs, inputs.q.heads);
  const frame = new Frame(core);
  try {
    const forward = fieldsOf(inputs, call.mask, call.scale, call.softcap);
    placeBias(frame, call.bias, forward);
    placeInputs(frame, inputs, forward);
    placeMask(frame, call.mask, inputs, call.tokens, null, forward);
    const ofBias = placeBiasGradient(frame, call, forward, inputs);
    const args = {
      forward: placeForward(core, frame, 'la_softmax', forward),
      out_gradient: arrayField(frame, outGradient),
      dq: arrayLike(frame, inputs.q), dk: arrayLike(frame, inputs.k), dv: arrayLike(frame, inputs.v), ...ofBias.fields,
    };
    runLearn(core, 'la_softmax_gradient', args);
    return {
      dq: resultAt(core, args.dq.data, inputs.q.shape), dk: resultAt(core, args.dk.data, inputs.k.shape), dv: resultAt(core, args.dv.data, inputs.v.shape), ...ofBias.read(),
    };
  } finally {
    frame.release();
  }
}
