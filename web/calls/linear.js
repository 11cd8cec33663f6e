/** linear(): the one recurrence on whole sequences. */
import { Frame, INVALID_GATE } from '../core/core.js';
import { asTheyAre, checkKeyLengths, optionTakers, readKeyLengths, takeKeyLengths, takeNumbers, takeOptions } from '../core/given.js';
import { commitOut, LAYOUTS, locate, locateOut, refuseOverlap } from '../core/operand.js';
import { checkBoolean, checkNonNegative, checkNumber, checkOneOf } from '../core/validate.js';
import { checkFeatureMap, checkMapHeads, checkPositions, mapFields, sameMap } from '../maps/feature_map.js';
import { betaChoices, decayChoices, gateField, invalidGate, readGate, sequenceAxes, shapeGate } from './gates.js';
import { locateHeld, locateInputs, outField, placeInputs, requireSameLength, resultShape, sizeFields, sizeInputs, takeInputs } from './inputs.js';
import { isPiecewise, runInPieces } from './pieces.js';
import { State } from './state.js';

const OPTIONS = optionTakers({
  ...asTheyAre('featureMap', 'causal', 'normalize', 'scale', 'eps'), decay: takeNumbers, beta: takeNumbers, ...asTheyAre('allowGrowth'),
  keyLengths: takeKeyLengths, ...asTheyAre('state', 'layout', 'out'),
});

export function linear(core, q, k, v, options) {
  const o = takeOptions('linear', options, OPTIONS);
  return attend(core, takeInputs(q, k, v), o);
}

/** Refuses a call whose setting is not its state's; presets have settings that their callers never gave. */
function refuseConflict(name, value, ofState, isPreset) {
  if (value !== ofState) throw new RangeError(isPreset ? `state must have ${name} ${value}, got ${ofState}` : `${name} must be ${ofState}, as the state has, got ${value}`);
}

function requireSettings({ map, normalize, scale, eps }, state, isPreset) {
  if (isPreset) refuseConflict('featureMap', map.name, state.featureMap.name, isPreset);
  if (!sameMap(map, state.featureMap)) throw new RangeError(`featureMap must be the state's '${state.featureMap.name}', got ${map.name === state.featureMap.name ? 'another ' : ''}'${map.name}'`);
  refuseConflict('normalize', normalize, state.normalize, isPreset);
  // As the core has them: 1/Math.sqrt(dim) and dim ** -0.5 are the same float32, but not always the same double.
  refuseConflict('scale', Math.fround(scale), Math.fround(state.scale));
  refuseConflict('eps', Math.fround(eps), Math.fround(state.eps));
}

/**
 * linear() on what was taken: `inputs` q, k, v; `o` by the names of its options, and of presets `writeGate`, which
 * multiplies φ(k), of beta's shapes.
 */
export function attend(core, inputs, o, isPreset = false) {
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizeInputs(inputs, layout);
  const { q, k, v } = inputs;
  const decayShapes = (features) => decayChoices(sequenceAxes(layout, k), features);
  const betaShapes = () => betaChoices(sequenceAxes(layout, k));
  const decay = readGate(o.decay, () => decayShapes('features'));
  const beta = readGate(o.beta, betaShapes);
  const writeGate = readGate(o.writeGate, betaShapes);
  const gated = decay !== null || beta !== null;
  const causal = checkBoolean('causal', o.causal, gated);
  if (gated && !causal) throw new RangeError('decay and beta are defined for causal attention only, got causal: false');
  const lengths = readKeyLengths(o.keyLengths, k.batch);
  core.check();
  const { state } = o;
  const memory = state === undefined ? null : locateHeld(core, 'state', State, state, inputs);
  locateInputs(core, inputs, layout);
  const out = locateOut(core, o.out, resultShape(inputs));
  for (const gate of [decay, beta, writeGate]) if (gate !== null) locate(core, gate);
  const keyLengths = checkKeyLengths(lengths, k.rows);
  const allowGrowth = checkBoolean('allowGrowth', o.allowGrowth, false);
  const normalize = checkBoolean('normalize', o.normalize, state?.normalize ?? !gated);
  const scale = checkNumber('scale', o.scale, state?.scale ?? 1);
  const eps = checkNonNegative('eps', o.eps, state?.eps ?? 1e-6);
  requireSameLength(causal, inputs);
  const places = [q, k, v, decay, beta, writeGate];
  refuseOverlap(out, 'out', places);
  if (memory !== null) {
    refuseOverlap(out, 'out', [memory], 'state');
    for (const place of places) if (place !== null) refuseOverlap(place, place.name, [memory], 'state');
  }
  const map = checkFeatureMap(core, o.featureMap, q.width, state?.featureMap);
  checkMapHeads(map, k.heads);
  if (state) requireSettings({ map, normalize, scale, eps }, state, isPreset);
  shapeGate(decay, () => decayShapes(map.features));
  shapeGate(beta, betaShapes);
  shapeGate(writeGate, betaShapes);
  const positions = checkPositions(map, memory?.lengths ?? [0], Math.max(q.rows, k.rows), 'the sequence');
  const frame = new Frame(core);
  try {
    const args = sizeFields(inputs);
    args.causal = causal ? 1 : 0;
    args.normalize = normalize ? 1 : 0;
    args.scale = scale;
    args.eps = eps;
    args.map = mapFields(map);
    args.positions = memory !== null && positions !== null ? frame.copyIn(positions) : 0;
    args.key_lengths = keyLengths ? frame.copyIn(keyLengths) : 0;
    args.decay = gateField(frame, decay);
    args.beta = gateField(frame, beta);
    args.write_gate = gateField(frame, writeGate);
    args.allow_growth = allowGrowth ? 1 : 0;
    if (memory !== null) {
      args.state = memory.pointer;
      args.key_sum = memory.keySum;
      args.exponents = memory.exponents;
    }
    const plan = { call: 'la_linear', args, sliceable: true };
    const alike = memory === null && !gated && writeGate === null && keyLengths === null && map.heads === 1;
    if (alike && isPiecewise(core, layout, inputs, out)) return runInPieces(core, frame, plan, inputs, out);
    const pointer = out.pointer || frame.alloc(out.length * 4);
    placeInputs(frame, inputs, args);
    args.out = outField(pointer, layout, inputs);
    core.run(plan, { [INVALID_GATE]: () => invalidGate(core, { decay, beta, writeGate }, keyLengths, allowGrowth) });
    memory?.advance(k.rows, keyLengths);
    return commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}
