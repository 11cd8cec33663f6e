/** linear(): the one recurrence on whole sequences. */
import { Frame, INVALID_GATE } from '../core/core.js';
import { asTheyAre, checkKeyLengths, readKeyLengths, takeKeyLengths, takeNumbers, takeOptions } from '../core/given.js';
import { commitOut, LAYOUTS, locateOut, refuseOverlap } from '../core/operand.js';
import { checkBoolean, checkNonNegative, checkNumber, checkOneOf } from '../core/validate.js';
import { checkFeatureMap, checkMapHeads, checkPositions, mapFields, sameMap } from '../maps/feature_map.js';
import { betaChoices, decayChoices, gateField, invalidGate, locateGate, readGate, sequenceAxes, shapeGate } from './gates.js';
import { locateHeld, locateInputs, outField, placeInputs, requireSameLength, resultShape, sizeFields, sizeInputs, takeInputs } from './inputs.js';
import { isPiecewise, runInPieces } from './pieces.js';
import { State } from './state.js';

const OPTIONS = {
  ...asTheyAre('featureMap', 'causal', 'normalize', 'scale', 'eps'), decay: takeNumbers, beta: takeNumbers, ...asTheyAre('allowGrowth'),
  keyLengths: takeKeyLengths, ...asTheyAre('state', 'layout', 'out'),
};

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
 * linear() on what was taken: `given` q, k, v; `o` by the names of its options, and of presets `writeGate`, which
 * multiplies φ(k), of beta's shapes.
 */
export function attend(core, given, o, isPreset = false) {
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const sized = sizeInputs(given, layout);
  const axes = sequenceAxes(layout, sized.k);
  const read = { decay: readGate(o.decay, decayChoices(axes, 'features')), beta: readGate(o.beta, betaChoices(axes)), writeGate: readGate(o.writeGate, betaChoices(axes)) };
  const gated = read.decay !== null || read.beta !== null;
  const causal = checkBoolean('causal', o.causal, gated);
  if (gated && !causal) throw new RangeError('decay and beta are defined for causal attention only, got causal: false');
  const lengths = readKeyLengths(o.keyLengths, sized.k.batch);
  core.check();
  const { state } = o;
  const memory = state === undefined ? null : locateHeld(core, 'state', State, state, sized);
  const inputs = locateInputs(core, sized, layout);
  const out = locateOut(core, o.out, resultShape(inputs));
  const located = { decay: locateGate(core, read.decay), beta: locateGate(core, read.beta), writeGate: locateGate(core, read.writeGate) };
  const keyLengths = checkKeyLengths(lengths, inputs.k.rows);
  const allowGrowth = checkBoolean('allowGrowth', o.allowGrowth, false);
  const normalize = checkBoolean('normalize', o.normalize, state?.normalize ?? !gated);
  const scale = checkNumber('scale', o.scale, state?.scale ?? 1);
  const eps = checkNonNegative('eps', o.eps, state?.eps ?? 1e-6);
  requireSameLength(causal, inputs);
  const places = [...Object.values(inputs), ...Object.values(located).filter((gate) => gate !== null)];
  refuseOverlap(out, memory ? [...places, memory] : places);
  if (memory) for (const place of places) refuseOverlap(place, [memory]);
  const map = checkFeatureMap(core, o.featureMap, inputs.q.width, state?.featureMap);
  checkMapHeads(map, inputs.k.heads);
  if (state) requireSettings({ map, normalize, scale, eps }, state, isPreset);
  const gates = { decay: shapeGate(located.decay, decayChoices(axes, map.features)), beta: shapeGate(located.beta, betaChoices(axes)), writeGate: shapeGate(located.writeGate, betaChoices(axes)) };
  const positions = checkPositions(map, memory?.lengths ?? [0], Math.max(inputs.q.rows, inputs.k.rows), 'the sequence');
  const frame = new Frame(core);
  try {
    const args = {
      ...sizeFields(inputs), causal: causal ? 1 : 0, normalize: normalize ? 1 : 0, scale, eps, map: mapFields(map), positions: memory && positions ? frame.copyIn(positions) : 0,
      key_lengths: keyLengths ? frame.copyIn(keyLengths) : 0,
      decay: gateField(frame, gates.decay), beta: gateField(frame, gates.beta), write_gate: gateField(frame, gates.writeGate),
      allow_growth: allowGrowth ? 1 : 0,
      ...(memory && { state: memory.pointer, key_sum: memory.keySum, exponents: memory.exponents }),
    };
    const plan = { call: 'la_linear', args, sliceable: true };
    const alike = memory === null && !gated && gates.writeGate === null && keyLengths === null && map.heads === 1;
    if (alike && isPiecewise(core, layout, inputs, out)) return runInPieces(core, frame, plan, inputs, out);
    const pointer = out.pointer || frame.alloc(out.length * 4);
    core.run({ ...plan, args: { ...args, ...placeInputs(frame, inputs), out: outField(pointer, layout, inputs) } }, { [INVALID_GATE]: () => invalidGate(core, gates, keyLengths, allowGrowth) });
    memory?.advance(inputs.k.rows, keyLengths);
    return commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}
