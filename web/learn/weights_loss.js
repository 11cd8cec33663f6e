/** The cross-entropy of a map's weights beside softmax's on one example (Zhang et al. 2024), a head each, and how it depends on the map. */
import { locateInputs, placeInputs, sizeFields, sizePair, takePair } from '../calls/inputs.js';
import { Frame } from '../core/core.js';
import { mapFields } from '../maps/feature_map.js';
import { runLearn } from './structs.js';

/** The mean over the heads of queries that share one of `count` heads of keys. */
function meanByKeyHead(values, count) {
  const group = values.length / count;
  return Array.from({ length: count }, (_, h) => values.slice(h * group, (h + 1) * group).reduce((sum, value) => sum + value / group, 0));
}

/**
 * @param {{ q, k }} example
 * @param {{ causal: boolean }} settings
 * @param {number} factor of each head's loss in what `gradients` add up
 * @returns {number[]} of each head of k
 */
export function weightsLoss(core, { q, k }, map, { causal }, factor, gradients) {
  const inputs = takePair(q, k);
  sizePair(inputs, 'bhtd');
  locateInputs(core, inputs, 'bhtd');
  const { heads, width } = inputs.q;
  const frame = new Frame(core);
  try {
    const loss = frame.alloc(heads * 8);
    const args = { ...sizeFields(inputs), causal: causal ? 1 : 0, softmax_scale: 1 / Math.sqrt(width), map: mapFields(map), d_map: gradients.place(frame), loss };
    placeInputs(frame, inputs, args);
    runLearn(core, 'la_weights_gradient', args);
    // Of the mean over heads is what the core gives.
    gradients.add(core, args.d_map, factor * inputs.k.heads);
    return meanByKeyHead(Array.from(new Float64Array(core.f32.buffer, loss, heads)), inputs.k.heads);
  } finally {
    frame.release();
  }
}
