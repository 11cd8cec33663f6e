/** linear(): the one recurrence on whole sequences. */
import { Frame, INVALID_GATE } from '../core/core.js';
import { asTheyAre, optionTakers, takeKeyLengths, takeNumbers, takeOptions } from '../core/given.js';
import { commitOut, LAYOUTS, locate, locateOut, refuseOverlap, refuseStateOverlap } from '../core/operand.js';
import { checkBoolean, checkNonNegative, checkNumber, checkOneOf } from '../core/validate.js';
import { checkFeatureMap, checkMapHeads, checkPositions, mapFields, sameMap } from '../maps/feature_map.js';
import { GateAxes, gateField, invalidGate, readGate, shapeGate } from './gates.js';
import { linearFields, locateHeld, locateInputs, outField, placeInputs, placePair, rankWith, requireSameLength, resultHeads, resultShape, sizeLinear, stateHeads, takeInputs } from './inputs.js';
import { isPiecewise, runInPieces } from './pieces.js';
import { keepCall, rememberCall } from './history.js';
import { advance, placesOf } from './positions.js';
import { checkRows, readRows } from './row_lengths.js';
import { State } from './state.js';
import { runWithTransition } from './transition.js';

/** Names of the numbers of heads in la_linear_args. */
const HEADS = ['heads', 'q_heads', 'k_heads', 'v_heads'];

/** The result of absorb(). */
const NO_OUT = { pointer: 0, length: 0 };

/** Tokens before a call without a state. */
const NO_TOKENS = [0];

/** What takes the options that a call and its gradient have. */
export const LINEAR_OPTIONS = {
  ...asTheyAre('featureMap', 'causal', 'normalize', 'scale', 'eps'), decay: takeNumbers, beta: takeNumbers, ...asTheyAre('allowGrowth'),
  keyLengths: takeKeyLengths, ...asTheyAre('state', 'layout'),
};

const OPTIONS = optionTakers({ ...LINEAR_OPTIONS, lengths: takeKeyLengths, starts: takeKeyLengths, sequences: takeKeyLengths, ...asTheyAre('out') });

export function linear(core, q, k, v, options) {
  const o = takeOptions('linear', options, OPTIONS);
  return attend(core, takeInputs(q, k, v), o);
}

/** Floats of what a call takes in. */
const lengthsOf = ({ k, v }, { decay, beta, writeGate }) => ({ k: k.length, v: v.length, decay: decay?.given.length, beta: beta?.given.length, writeGate: writeGate?.given.length });

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

/** What the gates of a call on these sizes may vary over. */
export function gateAxes(layout, { k, v }, features = 'features') {
  const states = stateHeads({ k, v });
  return new GateAxes(layout, rankWith(k.shape, states), k.batch, states, k.heads, k.rows, features);
}

/**
 * The first half of a call on what was taken, `inputs` q, k and v and `o` by the names of its options: all of it sized and
 * located, before anything that may let memory grow.
 */
export function locateLinear(core, inputs, o) {
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizeLinear(inputs, layout);
  const { q, k } = inputs;
  const axes = gateAxes(layout, inputs);
  const [decay, beta, writeGate] = [readGate(o.decay, 'decay', axes), readGate(o.beta, 'beta', axes), readGate(o.writeGate, 'beta', axes)];
  const gated = decay !== null || beta !== null;
  const causal = checkBoolean('causal', o.causal, gated);
  if (gated && !causal) throw new RangeError('decay and beta are defined for causal attention only, got causal: false');
  const rows = readRows(o, k.batch);
  core.check();
  const memory = o.state === undefined ? null : locateHeld(core, 'state', State, o.state, inputs, axes.stateHeads);
  locateInputs(core, inputs, layout);
  for (const gate of [decay, beta, writeGate]) if (gate !== null) locate(core, gate);
  return { layout, inputs, axes, given: { decay, beta, writeGate }, gated, causal, memory, ...checkRows(rows, q.rows, k.rows), heads: resultHeads(inputs) };
}

/** The second half: what is left to check of a call that was located. */
export function settleLinear(core, { inputs, axes, given, gated, causal, memory, counts, starts, packed }, o, isPreset) {
  const { q, k } = inputs;
  const { state } = o;
  const allowGrowth = checkBoolean('allowGrowth', o.allowGrowth, false);
  const normalize = checkBoolean('normalize', o.normalize, state?.normalize ?? !gated);
  const scale = checkNumber('scale', o.scale, state?.scale ?? 1);
  const eps = checkNonNegative('eps', o.eps, state?.eps ?? 1e-6);
  requireSameLength(causal, inputs);
  const map = checkFeatureMap(core, o.featureMap, q.width, state?.featureMap);
  checkMapHeads(map, k.heads);
  if (state) requireSettings({ map, normalize, scale, eps }, state, isPreset);
  axes.features = map.features;
  const [decay, beta, writeGate] = [shapeGate(given.decay, 'decay', axes), shapeGate(given.beta, 'beta', axes), shapeGate(given.writeGate, 'beta', axes)];
  checkPositions(map, memory === null ? NO_TOKENS : placesOf(memory), starts === null ? Math.max(q.rows, k.rows) : counts, 'the sequence');
  return { causal, normalize, scale, eps, map, decay, beta, writeGate, allowGrowth, memory, counts, starts, packed };
}

/** What la_linear_args say of it beside the arrays. */
export function linearArguments(frame, inputs, { causal, normalize, scale, eps, map, decay, beta, writeGate, allowGrowth, memory, counts, starts, packed }) {
  const args = linearFields(inputs);
  args.batch *= packed;
  args.packed = packed;
  args.causal = causal ? 1 : 0;
  args.normalize = normalize ? 1 : 0;
  args.scale = scale;
  args.eps = eps;
  args.map = mapFields(map);
  args.key_lengths = counts ? frame.copyIn(counts) : 0;
  args.starts = starts ? frame.copyIn(starts) : 0;
  args.decay = gateField(frame, decay);
  args.beta = gateField(frame, beta);
  args.write_gate = gateField(frame, writeGate);
  args.allow_growth = allowGrowth ? 1 : 0;
  if (memory !== null) {
    args.state = memory.pointer;
    args.positions = memory.positions;
  }
  return args;
}

/** Makes the error of a gate that the core refused; of packed sequences every token counts. */
export const gateCauses = (core, { decay, beta, writeGate, counts, starts, packed, allowGrowth }) => ({
  [INVALID_GATE]: () => invalidGate(core, { decay, beta, writeGate }, packed > 1 ? undefined : { counts, starts }, allowGrowth),
});

/**
 * linear(), or absorb(), on what was taken: `inputs` q, k, v; `o` by the names of its options, and of presets `writeGate`, which
 * multiplies φ(k), of beta's shapes.
 */
export function attend(core, inputs, o, isPreset = false, absorbs = false) {
  const located = locateLinear(core, inputs, o);
  const { layout, memory, heads, counts, starts, given } = located;
  const { q, k, v } = inputs;
  const out = absorbs ? NO_OUT : locateOut(core, o.out, resultShape(layout, inputs, heads));
  const places = [q, k, v, given.decay, given.beta, given.writeGate];
  refuseOverlap(out, 'out', places);
  if (memory !== null) refuseStateOverlap(memory, out, places);
  const call = settleLinear(core, located, o, isPreset);
  const frame = new Frame(core);
  try {
    const args = linearArguments(frame, inputs, call);
    const plan = { call: 'la_linear', args, sliceable: true };
    const alike = memory === null && !located.gated && call.writeGate === null && counts === null && call.map.heads === 1;
    if (alike && isPiecewise(core, layout, inputs, heads, out)) return runInPieces(core, frame, plan, HEADS, inputs, heads, out);
    const pointer = absorbs ? 0 : out.pointer || frame.alloc(out.length * 4);
    if (absorbs) placePair(frame, inputs, args);
    else placeInputs(frame, inputs, args);
    if (!absorbs) args.out = outField(pointer, layout, inputs, heads);
    const kept = memory !== null && memory.history !== null && k.rows > 0 ? keepCall(memory, args, { counts, starts }, lengthsOf(inputs, call)) : undefined;
    const causes = gateCauses(core, call);
    const run = () => core.run(plan, causes);
    if (memory === null || memory.transition === null) run();
    else runWithTransition(o.state, memory, frame, args, call, { counts, starts }, causes, run);
    if (memory !== null) advance(memory, k.rows, counts);
    if (kept !== undefined) rememberCall(memory, kept);
    return absorbs ? o.state : commitOut(core, out, pointer);
  } finally {
    frame.release();
  }
}
