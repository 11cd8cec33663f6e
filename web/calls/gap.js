/** gap() and weights(): how linear attention differs from softmax attention. */
import { arrayFields, readInputs, readPair, requireSameLength } from './softmax.js';
import { checkFeatureMap, checkMapHeads, checkPositions, mapFields } from '../maps/feature_map.js';
import { float, Frame, resultFloats } from '../core/core.js';
import { LAYOUTS, place } from '../core/operand.js';
import { checkBoolean, checkNumber, checkOneOf, checkOptions } from '../core/validate.js';

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
  checkPositions(map, q.rows, 'q');
  checkPositions(map, k.rows, 'k');
  return map;
}

export function gap(core, q, k, v, options) {
  core.check();
  const o = checkOptions('gap', options, ['featureMap', 'causal', 'layout']);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const inputs = readInputs(core, layout, q, k, v);
  const map = checkInputsMap(core, o.featureMap, inputs);
  const causal = checkBoolean('causal', o.causal, false);
  requireSameLength(causal, inputs);
  const { batch, heads, rows } = inputs.q;
  const frame = new Frame(core);
  let sums;
  try {
    const pointer = frame.alloc(batch * heads * SUMS * 8);
    const [qAt, kAt, vAt] = [inputs.q, inputs.k, inputs.v].map((operand) => place(frame, operand));
    core.pass('la_gap', [
      batch, heads, inputs.k.heads, rows, inputs.k.rows, inputs.q.width, inputs.v.width, causal ? 1 : 0, ...mapFields(map),
      ...arrayFields(qAt, inputs.q.strides), ...arrayFields(kAt, inputs.k.strides), ...arrayFields(vAt, inputs.v.strides), pointer,
    ]);
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
  core.check();
  const o = checkOptions('weights', options, ['kind', 'featureMap', 'causal', 'scale', 'layout']);
  const kind = checkOneOf('kind', o.kind, KINDS);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const inputs = readPair(core, layout, q, k);
  const map = checkInputsMap(core, o.featureMap, inputs);
  const causal = checkBoolean('causal', o.causal, false);
  const scale = checkNumber('scale', o.scale, 1 / Math.sqrt(inputs.q.width));
  const { batch, heads, rows } = inputs.q;
  const keys = inputs.k.rows;
  const data = resultFloats(batch * heads * rows * keys);
  const result = { data, shape: [batch, heads, rows, keys] };
  if (data.length === 0) return result;
  const frame = new Frame(core);
  try {
    const pointer = frame.alloc(data.length * 4);
    const [qAt, kAt] = [place(frame, inputs.q), place(frame, inputs.k)];
    core.pass('la_weights', [
      batch, heads, inputs.k.heads, rows, keys, inputs.q.width, KINDS.indexOf(kind), causal ? 1 : 0, float(kind === 'linear' ? 1 : scale), ...mapFields(map),
      ...arrayFields(qAt, inputs.q.strides), ...arrayFields(kAt, inputs.k.strides), pointer,
    ]);
    data.set(core.floatsAt(pointer, data.length));
  } finally {
    frame.release();
  }
  return result;
}
