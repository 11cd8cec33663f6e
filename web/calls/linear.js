/** linear(): arguments in, argument struct out. */
import { arrayFields, checkHeld, outStrides, readInputs, requireSameLength, resultShape, sizeFields } from './softmax.js';
import { checkFeatureMap, checkMapHeads, checkPositions, mapFields, sameMap } from '../maps/feature_map.js';
import { gateFields, positiveDecay, readBeta, readDecay, sequenceAxes } from './gates.js';
import { float, Frame, POSITIVE_DECAY } from '../core/core.js';
import { commitOut, LAYOUTS, place, readOut, refuseOverlap } from '../core/operand.js';
import { inPieces, isPiecewise } from './pieces.js';
import { State } from './state.js';
import { checkBoolean, checkKeyLengths, checkNonNegative, checkNumber, checkOneOf, checkOptions } from '../core/validate.js';

const LINEAR_OPTIONS = ['featureMap', 'causal', 'normalize', 'scale', 'eps', 'decay', 'beta', 'allowGrowth', 'keyLengths', 'state', 'layout', 'out'];

/** Refuses a call whose setting is not its state's; presets have settings that their callers never gave. */
function refuseConflict(name, value, ofState, isPreset) {
  if (value !== ofState) throw new RangeError(isPreset ? `state must have ${name} ${value}, got ${ofState}` : `${name} must be ${ofState}, as the state has, got ${value}`);
}

/**
 * Of presets only: `names`, what their callers know q, k, v and decay by, and `writes`, what multiplies φ(k), of beta's
 * shapes.
 */
export function linear(core, q, k, v, options, { names, writes } = {}) {
  core.check();
  const o = checkOptions('linear', options, LINEAR_OPTIONS);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const inputs = readInputs(core, layout, q, k, v, names);
  const { state } = o;
  const memory = state === undefined ? null : checkHeld(core, 'state', State, state, inputs);
  const map = checkFeatureMap(core, o.featureMap, inputs.q.width, state?.featureMap);
  checkMapHeads(map, inputs.k.heads);
  const axes = sequenceAxes(layout, inputs.k);
  const decay = readDecay(core, o.decay, axes, map.features, names?.decay);
  const beta = readBeta(core, o.beta, axes);
  const strength = readBeta(core, writes, axes);
  const allowGrowth = checkBoolean('allowGrowth', o.allowGrowth, false);
  const gated = decay !== null || beta !== null;
  const causal = checkBoolean('causal', o.causal, gated);
  if (gated && !causal) throw new RangeError('decay and beta are defined for causal attention only, got causal: false');
  const normalize = checkBoolean('normalize', o.normalize, state?.normalize ?? !gated);
  const scale = checkNumber('scale', o.scale, state?.scale ?? 1);
  const eps = checkNonNegative('eps', o.eps, state?.eps ?? 1e-6);
  if (state) {
    const isPreset = names !== undefined;
    if (isPreset) refuseConflict('featureMap', map.name, state.featureMap.name, isPreset);
    if (!sameMap(map, state.featureMap)) throw new RangeError(`featureMap must be the state's '${state.featureMap.name}', got ${map.name === state.featureMap.name ? 'another ' : ''}'${map.name}'`);
    refuseConflict('normalize', normalize, state.normalize, isPreset);
    refuseConflict('scale', scale, state.scale);
    refuseConflict('eps', eps, state.eps);
  }
  requireSameLength(causal, inputs);
  const position = state?.length ?? 0;
  checkPositions(map, position + Math.max(inputs.q.rows, inputs.k.rows), 'the sequence');
  const keyLengths = checkKeyLengths(o.keyLengths, inputs.k.batch, inputs.k.rows);
  const out = readOut(core, o.out, resultShape(inputs));
  const own = memory ? [{ name: 'state', pointer: memory.pointer, length: memory.length }] : [];
  const given = [inputs.q, inputs.k, inputs.v, ...[decay, beta].filter((gate) => gate !== null)];
  refuseOverlap('out', out, [...given, ...own]);
  for (const input of given) refuseOverlap(input.name, input, own);
  const alike = memory === null && !gated && strength === null && keyLengths === null && map.heads === 1;
  const frame = new Frame(core);
  try {
    const pass = (sized, [qAt, kAt, vAt], outAt) =>
      core.pass('la_linear', [
        ...sizeFields(sized), causal ? 1 : 0, normalize ? 1 : 0, float(scale), float(eps), ...mapFields(map), position,
        keyLengths ? frame.copyIn(keyLengths) : 0,
        ...arrayFields(qAt, inputs.q.strides), ...arrayFields(kAt, inputs.k.strides), ...arrayFields(vAt, inputs.v.strides),
        ...arrayFields(outAt, outStrides(layout, inputs)),
        ...gateFields(frame, decay), ...gateFields(frame, beta), ...gateFields(frame, strength), allowGrowth ? 1 : 0,
        memory ? memory.pointer : 0, memory ? memory.keySum : 0, memory ? memory.exponents : 0,
      ], { [POSITIVE_DECAY]: () => positiveDecay(core, decay, allowGrowth) });
    if (alike && isPiecewise(core, layout, inputs, out)) return inPieces(core, frame, inputs, out, pass);
    const pointer = out.pointer || frame.alloc(out.length * 4);
    pass(inputs, [inputs.q, inputs.k, inputs.v].map((operand) => place(frame, operand)), pointer);
    memory?.advance(inputs.k.rows);
    return commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}
