/** How far the outputs of linear attention under a map are from softmax attention's on one example, and how that depends on the map. */
import { locateInputs, placeInputs, sizeFields, sizeInputs, takeInputs } from '../calls/inputs.js';
import { Frame } from '../core/core.js';
import { stridesOf } from '../core/operand.js';
import { mapFields } from '../maps/feature_map.js';
import { runLearn } from './structs.js';

/** As linear() has it. */
const EPS = 1e-6;
const NO_GRADIENT = { query_weights: 0, query_bias: 0, key_weights: 0, key_bias: 0 };

/**
 * @param {{ q, k, v, target }} example
 * @param {{ causal: boolean }} settings
 * @param {number[]} [factors] of each head's ‖L − S‖² in the loss; without, there is no gradient
 * @param {object} [gradients] what adds them up, as losses.js has it
 * @returns {number[]} ‖L − S‖² of each head of k
 */
export function outputsLoss(core, { q, k, v, target }, map, { causal }, factors, gradients) {
  const inputs = takeInputs(q, k, v);
  sizeInputs(inputs, 'bhtd');
  locateInputs(core, inputs, 'bhtd');
  const frame = new Frame(core);
  try {
    const heads = inputs.k.heads;
    const squares = frame.alloc(heads * 8);
    const args = {
      ...sizeFields(inputs),
      causal: causal ? 1 : 0,
      eps: EPS,
      map: mapFields(map),
      target: { data: frame.copyIn(target), ...stridesOf('bhtd', inputs.q, inputs.v.width) },
      weights: frame.copyIn(Float32Array.from(factors ?? new Float32Array(heads))),
      squares,
      d_map: gradients?.place(frame) ?? NO_GRADIENT,
    };
    placeInputs(frame, inputs, args);
    runLearn(core, 'la_distill', args);
    gradients?.add(core, args.d_map, 1);
    return Array.from(new Float64Array(core.f32.buffer, squares, heads));
  } finally {
    frame.release();
  }
}
