/** linearGradient(): how the outputs and the final state of linear() depend on all that it is given. */
import { gateCauses, LINEAR_OPTIONS, linearArguments, locateLinear, settleLinear } from '../calls/linear.js';
import { placeInputs, resultShape, stateHeads, takeInputs } from '../calls/inputs.js';
import { Frame } from '../core/core.js';
import { wrongShape } from '../core/errors.js';
import { Given, optionTakers, takeKeyLengths, takeOptions, takeTensor } from '../core/given.js';
import { arrayField, locate, place, stridesOf } from '../core/operand.js';
import { elements, sameShape } from '../core/validate.js';
import { kindOf, lengthOf } from '../core/views.js';
import { learningCore } from './instance.js';
import { MapGradient } from './map_gradient.js';
import { arrayLike, gateResult, gateSizes, resultAt, roomFor } from './results.js';
import { placeForward, runLearn } from './structs.js';

/** As state.set() takes S and z: a tensor, or a Float32Array of as many floats, whose shape is not known yet. */
const takeSums = (name, value) => (kindOf(value) === 'Float32Array' ? new Given(name, null, value, [lengthOf(value)]) : takeTensor(name, value));

const OPTIONS = optionTakers({ ...LINEAR_OPTIONS, lengths: takeKeyLengths, starts: takeKeyLengths, dFinalState: takeSums, dFinalKeySum: takeSums });

/** The gradient of a result, which has the result's shape, located. */
export function locateResult(core, given, layout, inputs, heads) {
  const shape = resultShape(layout, inputs, heads);
  if (!sameShape(given.shape, shape)) throw wrongShape(given.name, `[${shape.join(', ')}], as the result has`, given.shape);
  locate(core, given);
  given.strides = stridesOf(layout, { heads, rows: inputs.q.rows }, inputs.v.width);
  return given;
}

/** Refuses the gradient of a final sum that has not the sum's shape. */
function checkSums(given, shape) {
  if (given === undefined) return;
  const isPlain = given.shape.length === 1;
  const fits = isPlain ? given.length === elements(shape) : sameShape(given.shape, shape);
  if (!fits) throw wrongShape(given.name, `[${shape.join(', ')}]`, given.shape);
}

export function linearGradient(attention, q, k, v, dOut, options) {
  const core = learningCore(attention, 'linearGradient');
  const o = takeOptions('linearGradient', options, OPTIONS);
  const inputs = takeInputs(q, k, v);
  const outGradient = takeTensor('dOut', dOut);
  const located = locateLinear(core, inputs, o);
  const { layout, heads } = located;
  locateResult(core, outGradient, layout, inputs, heads);
  for (const given of [o.dFinalState, o.dFinalKeySum]) if (given !== undefined) locate(core, given);
  const call = settleLinear(core, located, o, false);
  const { map, decay, beta, memory, normalize } = call;
  const states = stateHeads(inputs);
  const sizes = { batch: inputs.k.batch, stateHeads: states, length: inputs.k.rows, features: map.features };
  const sumShape = [sizes.batch, states, map.features];
  const stateShape = [...sumShape, inputs.v.width];
  const hasState = memory !== null || o.dFinalState !== undefined || o.dFinalKeySum !== undefined;
  if (hasState && map.options.epsilon > 0) throw new RangeError(`featureMap must have epsilon 0 for gradients of a state, got ${map.options.epsilon}: it is relative to the keys of one call`);
  if (o.dFinalKeySum !== undefined && !normalize) throw new TypeError('dFinalKeySum must not be given: this call is not normalised, and keeps no key sum');
  checkSums(o.dFinalState, stateShape);
  checkSums(o.dFinalKeySum, sumShape);
  const frame = new Frame(core);
  try {
    const forward = linearArguments(frame, inputs, call);
    placeInputs(frame, inputs, forward);
    const gates = Object.entries({ decay, beta }).filter(([, gate]) => gate !== null).map(([name, gate]) => {
      const sizesOf = gateSizes(gate, sizes);
      return { name, gate, sizes: sizesOf, at: roomFor(frame, sizesOf.batch * sizesOf.heads * sizesOf.rows * sizesOf.channels) };
    });
    const roomOf = (name) => gates.find((gate) => gate.name === name)?.at ?? 0;
    const ofMap = new MapGradient(frame, map);
    const args = {
      forward: placeForward(core, frame, 'la_linear', forward),
      out_gradient: arrayField(frame, outGradient),
      state_gradient: o.dFinalState === undefined ? 0 : place(frame, o.dFinalState),
      sum_gradient: o.dFinalKeySum === undefined ? 0 : place(frame, o.dFinalKeySum),
      dq: arrayLike(frame, inputs.q), dk: arrayLike(frame, inputs.k), dv: arrayLike(frame, inputs.v),
      d_decay: roomOf('decay'), d_beta: roomOf('beta'),
      d_state: memory === null ? 0 : roomFor(frame, elements(stateShape)),
      d_sum: memory === null || !normalize ? 0 : roomFor(frame, elements(sumShape)),
      d_map: ofMap.fields,
    };
    runLearn(core, 'la_linear_gradient', args, gateCauses(core, call));
    const results = { dq: resultAt(core, args.dq.data, inputs.q.shape), dk: resultAt(core, args.dk.data, inputs.k.shape), dv: resultAt(core, args.dv.data, inputs.v.shape) };
    for (const { name, gate, sizes: sizesOf, at } of gates) results[name === 'decay' ? 'dDecay' : 'dBeta'] = gateResult(core, at, gate, sizesOf);
    if (args.d_state !== 0) results.dState = resultAt(core, args.d_state, stateShape);
    if (args.d_sum !== 0) results.dKeySum = resultAt(core, args.d_sum, sumShape);
    return { ...results, ...ofMap.results(core) };
  } finally {
    frame.release();
  }
}
