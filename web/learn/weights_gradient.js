/** weightsGradient(): the cross-entropy of a map's attention weights beside softmax's, and how it depends on the map (Zhang et al. 2024). */
import { checkInputsMap } from '../calls/gap.js';
import { locateInputs, placeInputs, requireSameLength, sizeFields, sizePair, takePair } from '../calls/inputs.js';
import { Frame } from '../core/core.js';
import { wrongKind } from '../core/errors.js';
import { asTheyAre, optionTakers, takeOptions } from '../core/given.js';
import { LAYOUTS } from '../core/operand.js';
import { isResident } from '../core/resident.js';
import { checkBoolean, checkNumber, checkOneOf } from '../core/validate.js';
import { FeatureMap, mapFields } from '../maps/feature_map.js';
import { learningCore } from './instance.js';
import { MapGradient } from './map_gradient.js';
import { runLearn } from './structs.js';

const OPTIONS = optionTakers(asTheyAre('featureMap', 'causal', 'softmaxScale', 'layout'));

/** Maps of which there is something to learn. */
const KINDS = ['hedgehog', 'learned'];

export function weightsGradient(attention, q, k, options) {
  const core = learningCore(attention, 'weightsGradient');
  const o = takeOptions('weightsGradient', options, OPTIONS);
  const inputs = takePair(q, k);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizePair(inputs, layout);
  const causal = checkBoolean('causal', o.causal, false);
  const softmaxScale = checkNumber('softmaxScale', o.softmaxScale, 1 / Math.sqrt(inputs.q.width));
  requireSameLength(causal, inputs);
  if (!isResident(o.featureMap, FeatureMap)) throw wrongKind('featureMap', "a FeatureMap of 'hedgehog' or 'learned'", o.featureMap);
  checkOneOf('featureMap.name', o.featureMap.name, KINDS);
  core.check();
  locateInputs(core, inputs, layout);
  const map = checkInputsMap(core, o.featureMap, inputs);
  const { heads } = inputs.q;
  const frame = new Frame(core);
  try {
    const loss = frame.alloc(heads * 8);
    const ofMap = new MapGradient(frame, map);
    const args = { ...sizeFields(inputs), causal: causal ? 1 : 0, softmax_scale: softmaxScale, map: mapFields(map), d_map: ofMap.fields, loss };
    placeInputs(frame, inputs, args);
    runLearn(core, 'la_weights_gradient', args);
    const losses = Array.from(new Float64Array(core.f32.buffer, loss, heads));
    return { loss: losses.reduce((sum, one) => sum + one, 0) / heads, ...ofMap.results(core) };
  } finally {
    frame.release();
  }
}
