/** gap() and weights(): how linear attention differs from softmax attention. */
import { newFloats } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { asTheyAre, optionTakers, takeOptions } from '../core/given.js';
import { LAYOUTS } from '../core/operand.js';
import { checkBoolean, checkNonNegative, checkNumber, checkOneOf } from '../core/validate.js';
import { checkFeatureMap, checkMapHeads, checkPositions, mapFields } from '../maps/feature_map.js';
import { locateInputs, placeInputs, requireSameLength, sizeFields, sizeInputs, sizePair, takeInputs, takePair } from './inputs.js';

const GAP_OPTIONS = optionTakers(asTheyAre('featureMap', 'causal', 'scale', 'softmaxScale', 'eps', 'layout'));
const WEIGHTS_OPTIONS = optionTakers(asTheyAre('kind', 'featureMap', 'causal', 'scale', 'layout'));

/** Doubles of la_gap_sums. */
const SUMS = 10;

/** How large an error is beside what it is an error of: nothing of nothing is none. */
const relative = (error, size) => (error === 0 ? 0 : Math.sqrt(error / size));

/** A mean over rows: over none it is 0, as the errors of nothing are. */
const mean = (sum, rows) => (rows === 0 ? 0 : sum / rows);

/** Of two vectors; 1 where both are 0, and so the same, 0 where one is. */
function cosineOf(product, a, b) {
  if (a === 0 || b === 0) return a === b ? 1 : 0;
  return product / (Math.sqrt(a) * Math.sqrt(b));
}

function measures([linearMinusSoftmax, meanMinusSoftmax, softmaxSquared, linearSquared, product, maxError, kl, l1, weightDifference, weightSquared], rows) {
  return {
    relativeError: relative(linearMinusSoftmax, softmaxSquared),
    maxError,
    cosine: cosineOf(product, softmaxSquared, linearSquared),
    meanValueError: relative(meanMinusSoftmax, softmaxSquared),
    weightKL: mean(kl, rows),
    weightL1: mean(l1, rows),
    weightError: relative(weightDifference, weightSquared),
  };
}

/** Sums over heads, but the largest of the largest errors. */
function total(heads) {
  return Array.from({ length: SUMS }, (_, i) => (i === 5 ? heads.reduce((most, sums) => Math.max(most, sums[i]), 0) : heads.reduce((sum, sums) => sum + sums[i], 0)));
}

/** The option featureMap, fit for the heads and lengths of q and k. */
export function checkInputsMap(core, value, { q, k }) {
  const map = checkFeatureMap(core, value, q.width);
  checkMapHeads(map, k.heads);
  checkPositions(map, [0], q.rows, 'q');
  checkPositions(map, [0], k.rows, 'k');
  return map;
}

export function gap(core, q, k, v, options) {
  const o = takeOptions('gap', options, GAP_OPTIONS);
  const inputs = takeInputs(q, k, v);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizeInputs(inputs, layout);
  const causal = checkBoolean('causal', o.causal, false);
  const scale = checkNumber('scale', o.scale, 1);
  const softmaxScale = checkNumber('softmaxScale', o.softmaxScale, 1 / Math.sqrt(inputs.q.width));
  const eps = checkNonNegative('eps', o.eps, 1e-6);
  requireSameLength(causal, inputs);
  core.check();
  locateInputs(core, inputs, layout);
  const map = checkInputsMap(core, o.featureMap, inputs);
  const { batch, heads, rows } = inputs.q;
  const frame = new Frame(core);
  let sums;
  try {
    const pointer = frame.alloc(batch * heads * SUMS * 8);
    const args = { ...sizeFields(inputs), causal: causal ? 1 : 0, scale, eps, softmax_scale: softmaxScale, map: mapFields(map), out: pointer };
    placeInputs(frame, inputs, args);
    core.run({ call: 'la_gap', args });
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
  const inputs = takePair(q, k);
  const kind = checkOneOf('kind', o.kind, KINDS);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizePair(inputs, layout);
  const causal = checkBoolean('causal', o.causal, false);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(inputs.q.width));
  core.check();
  locateInputs(core, inputs, layout);
  const map = checkInputsMap(core, o.featureMap, inputs);
  const { batch, heads, rows } = inputs.q;
  const keys = inputs.k.rows;
  const data = newFloats(batch * heads * rows * keys);
  const result = { data, shape: [batch, heads, rows, keys] };
  if (data.length === 0) return result;
  const frame = new Frame(core);
  try {
    const pointer = frame.alloc(data.length * 4);
    const args = { ...sizeFields(inputs), kind: KINDS.indexOf(kind), causal: causal ? 1 : 0, scale: kind === 'linear' ? 1 : scale, map: mapFields(map), out: pointer };
    placeInputs(frame, inputs, args);
    core.run({ call: 'la_weights', args });
    data.set(core.floatsAt(pointer, data.length));
  } finally {
    frame.release();
  }
  return result;
}
