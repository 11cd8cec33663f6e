/** gap() and weights(): how linear attention differs from softmax attention. */
import { newFloats } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { asTheyAre, takeOptions } from '../core/given.js';
import { LAYOUTS } from '../core/operand.js';
import { checkBoolean, checkNonNegative, checkNumber, checkOneOf } from '../core/validate.js';
import { checkFeatureMap, checkMapHeads, checkPositions, mapFields } from '../maps/feature_map.js';
import { locateInputs, placeInputs, requireSameLength, sizeFields, sizeInputs, sizePair, takeInputs, takePair } from './inputs.js';

const GAP_OPTIONS = asTheyAre('featureMap', 'causal', 'layout');
const WEIGHTS_OPTIONS = asTheyAre('kind', 'featureMap', 'causal', 'scale', 'layout');

/** Doubles of la_gap_sums. */
const SUMS = 8;

function measures([linearMinusSoftmax, meanMinusSoftmax, softmaxSquared, linearSquared, product, maxError, kl, l1], rows) {
  return {
    relativeError: Math.sqrt(linearMinusSoftmax / softmaxSquared),
    maxError,
    cosine: product / Math.sqrt(softmaxSquared * linearSquared),
    meanValueError: Math.sqrt(meanMinusSoftmax / softmaxSquared),
    weightKL: kl / rows,
    weightL1: l1 / rows,
  };
}

/** Sums over heads, but the largest of the largest errors. */
function total(heads) {
  return Array.from({ length: SUMS }, (_, i) => (i === 5 ? heads.reduce((most, sums) => Math.max(most, sums[i]), 0) : heads.reduce((sum, sums) => sum + sums[i], 0)));
}

/** The option featureMap, fit for the heads and lengths of q and k. */
function checkInputsMap(core, value, { q, k }) {
  const map = checkFeatureMap(core, value, q.width);
  checkMapHeads(map, k.heads);
  checkPositions(map, [0], q.rows, 'q');
  checkPositions(map, [0], k.rows, 'k');
  return map;
}

export function gap(core, q, k, v, options) {
  const o = takeOptions('gap', options, GAP_OPTIONS);
  const given = takeInputs(q, k, v);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const sized = sizeInputs(given, layout);
  const causal = checkBoolean('causal', o.causal, false);
  requireSameLength(causal, sized);
  core.check();
  const inputs = locateInputs(core, sized, layout);
  const map = checkInputsMap(core, o.featureMap, inputs);
  const { batch, heads, rows } = inputs.q;
  const frame = new Frame(core);
  let sums;
  try {
    const pointer = frame.alloc(batch * heads * SUMS * 8);
    core.run({ call: 'la_gap', args: { ...sizeFields(inputs), causal: causal ? 1 : 0, map: mapFields(map), ...placeInputs(frame, inputs), out: pointer } });
    const doubles = new Float64Array(core.exports.memory.buffer, pointer, batch * heads * SUMS);
    sums = Array.from({ length: batch * heads }, (_, i) => Array.from(doubles.subarray(i * SUMS, (i + 1) * SUMS)));
  } finally {
    frame.release();
  }
  return {
    ...measures(total(sums), rows * batch * heads),
    perHead: sums.map((head, i) => ({ batch: Math.floor(i / heads), head: i % heads, ...measures(head, rows) })),
  };
}

const KINDS = ['softmax', 'linear'];

export function weights(core, q, k, options) {
  const o = takeOptions('weights', options, WEIGHTS_OPTIONS);
  const given = takePair(q, k);
  const kind = checkOneOf('kind', o.kind, KINDS);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const sized = sizePair(given, layout);
  const causal = checkBoolean('causal', o.causal, false);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(sized.q.width));
  core.check();
  const inputs = locateInputs(core, sized, layout);
  const map = checkInputsMap(core, o.featureMap, inputs);
  const { batch, heads, rows } = inputs.q;
  const keys = inputs.k.rows;
  const data = newFloats(batch * heads * rows * keys);
  const result = { data, shape: [batch, heads, rows, keys] };
  if (data.length === 0) return result;
  const frame = new Frame(core);
  try {
    const pointer = frame.alloc(data.length * 4);
    const args = { ...sizeFields(inputs), kind: KINDS.indexOf(kind), causal: causal ? 1 : 0, scale: kind === 'linear' ? 1 : scale, map: mapFields(map), ...placeInputs(frame, inputs), out: pointer };
    core.run({ call: 'la_weights', args });
    data.set(core.floatsAt(pointer, data.length));
  } finally {
    frame.release();
  }
  return result;
}
