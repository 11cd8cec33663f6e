/** softmaxGradient(): how the outputs of softmax() depend on q, k and v. */
import { locateInputs, placeInputs, sizeFields, sizeInputs, takeInputs } from '../calls/inputs.js';
import { Frame } from '../core/core.js';
import { asTheyAre, checkKeyLengths, optionTakers, readKeyLengths, takeKeyLengths, takeOptions, takeTensor } from '../core/given.js';
import { arrayField, LAYOUTS } from '../core/operand.js';
import { checkBoolean, checkNumber, checkOneOf } from '../core/validate.js';
import { learningCore } from './instance.js';
import { locateResult } from './linear_gradient.js';
import { arrayLike, resultAt } from './results.js';
import { placeForward, runLearn } from './structs.js';

/** Those of softmax() that say which keys a query sees beside causal and keyLengths, and what changes scores, have no gradient here. */
const OPTIONS = optionTakers({ ...asTheyAre('causal', 'scale'), keyLengths: takeKeyLengths, ...asTheyAre('layout') });

/** A call on what was taken, `inputs` q, k and v and `o` by the names of its options: all of it checked and located. */
function locateSoftmax(core, inputs, o) {
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizeInputs(inputs, layout);
  const causal = checkBoolean('causal', o.causal, false);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(inputs.q.width));
  const lengths = readKeyLengths(o.keyLengths, inputs.k.batch);
  core.check();
  const keyLengths = checkKeyLengths(lengths, inputs.k.rows);
  locateInputs(core, inputs, layout);
  return { layout, causal, scale, keyLengths };
}

/** What la_softmax_args say of it beside the arrays. */
function softmaxArguments(frame, inputs, { causal, scale, keyLengths }) {
  const args = sizeFields(inputs);
  args.causal = causal ? 1 : 0;
  args.scale = scale;
  args.key_lengths = keyLengths ? frame.copyIn(keyLengths) : 0;
  return args;
}

export function softmaxGradient(attention, q, k, v, dOut, options) {
  const core = learningCore(attention, 'softmaxGradient');
  const o = takeOptions('softmaxGradient', options, OPTIONS);
  const inputs = takeInputs(q, k, v);
  const outGradient = takeTensor('dOut', dOut);
  const call = locateSoftmax(core, inputs, o);
  locateResult(core, outGradient, call.layout, inputs, inputs.q.heads);
  const frame = new Frame(core);
  try {
    const forward = softmaxArguments(frame, inputs, call);
    placeInputs(frame, inputs, forward);
    const args = {
      forward: placeForward(core, frame, 'la_softmax', forward),
      out_gradient: arrayField(frame, outGradient),
      dq: arrayLike(frame, inputs.q), dk: arrayLike(frame, inputs.k), dv: arrayLike(frame, inputs.v),
    };
    runLearn(core, 'la_softmax_gradient', args);
    return { dq: resultAt(core, args.dq.data, inputs.q.shape), dk: resultAt(core, args.dk.data, inputs.k.shape), dv: resultAt(core, args.dv.data, inputs.v.shape) };
  } finally {
    frame.release();
  }
}
