/** softmaxGradient(): how the outputs of softmax() depend on q, k and v. */
import { placeInputs, takeInputs } from '../calls/inputs.js';
import { locateSoftmax, SOFTMAX_OPTIONS, softmaxArguments } from '../calls/softmax.js';
import { Frame } from '../core/core.js';
import { optionTakers, takeOptions, takeTensor } from '../core/given.js';
import { arrayField } from '../core/operand.js';
import { learningCore } from './instance.js';
import { locateResult } from './linear_gradient.js';
import { arrayLike, resultAt } from './results.js';
import { placeForward, runLearn } from './structs.js';

const OPTIONS = optionTakers(SOFTMAX_OPTIONS);

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
