/** linear() under the names and defaults of published models. All are causal, with the identity as feature map, not normalised. */
import { wrongKind, wrongValue } from '../core/errors.js';
import { asTheyAre, optionTakers, takeKeyLengths, takeNumbers, takeOptions } from '../core/given.js';
import { LAYOUTS } from '../core/operand.js';
import { checkBoolean, checkOneOf } from '../core/validate.js';
import { convertGate } from './gates.js';
import { sizeLinear, takeInputs } from './inputs.js';
import { attend, gateAxes } from './linear.js';

export const COMMON = { ...asTheyAre('scale'), keyLengths: takeKeyLengths, lengths: takeKeyLengths, starts: takeKeyLengths, sequences: takeKeyLengths, ...asTheyAre('state', 'layout', 'out') };

/** The gates' names: g is the logarithm (flash-linear-attention), alpha its exponential (the papers), decay our word for g. */
const GATE = { g: takeNumbers, alpha: takeNumbers, decay: takeNumbers };
const BETA = { beta: takeNumbers, ...asTheyAre('allowNegativeEigenvalues') };

const RETENTION = optionTakers({ ...COMMON, gamma: takeNumbers });
const GATED = optionTakers({ ...COMMON, ...GATE });
const DELTA = optionTakers({ ...COMMON, ...BETA });
const GATED_DELTA = optionTakers({ ...COMMON, ...GATE, ...BETA });

/** The number, when it lies within the bounds. */
const within = (name, low, high) => (x, i) => {
  if (!(x >= low && x <= high)) throw wrongValue(`${name}[${i}]`, `from ${low} to ${high}`, x);
  return x;
};

/** What the gates of this call may vary over. */
function axesOf(inputs, o) {
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  sizeLinear(inputs, layout);
  return gateAxes(layout, inputs);
}

/** The decay, from the one of its names that was given. */
function readDecay(core, where, inputs, o) {
  const given = Object.keys(GATE).filter((name) => o[name] !== undefined && o[name] !== null);
  if (given.length !== 1) throw new TypeError(`${where} needs its gate as one of g (a logarithm, at most 0), decay (the same) or alpha (its exponential, 0 to 1), got ${given.join(' and ') || 'none'}`);
  return o.alpha ? logarithm(core, o.alpha, axesOf(inputs, o)) : o[given[0]];
}

function logarithm(core, given, axes) {
  const check = within(given.name, 0, 1);
  return convertGate(core, given, 'decay', axes, (x, i) => Math.log(check(x, i)));
}

/** beta of the delta rule: a sigmoid in the papers, twice that where the transition may have negative eigenvalues. */
function readBeta(core, where, inputs, o) {
  if (!o.beta) throw wrongKind(`beta of ${where}`, 'a number, an array of numbers or a tensor', o.beta);
  const most = checkBoolean('allowNegativeEigenvalues', o.allowNegativeEigenvalues, false) ? 2 : 1;
  return convertGate(core, o.beta, 'beta', axesOf(inputs, o), within('beta', 0, most));
}

/** linear() with the settings of all presets; `gates`: decay, beta and writeGate, taken. */
export function run(core, given, o, gates) {
  const { scale = o.state?.scale ?? 1 / Math.sqrt(given.q.shape.at(-1) || 1), keyLengths, lengths, starts, sequences, state, layout, out } = o;
  return attend(core, given, { featureMap: 'identity', causal: true, normalize: false, scale, keyLengths, lengths, starts, sequences, state, layout, out, ...gates }, true);
}

/** RetNet, Sun et al. 2023: head h of the state keeps gamma_h = 1 − 2^(−5−h) of it at every token. */
export function retention(core, q, k, v, options) {
  const o = takeOptions('retention', options, RETENTION);
  const given = takeInputs(q, k, v);
  core.check();
  const axes = axesOf(given, o);
  const gamma = o.gamma ?? takeNumbers('gamma', Array.from({ length: axes.stateHeads }, (_, h) => 1 - 2 ** (-5 - h)));
  return run(core, given, o, { decay: logarithm(core, gamma, axes) });
}

/** Gated linear attention, Yang et al. 2024a: a gate a channel of k. */
export function gla(core, q, k, v, options) {
  const o = takeOptions('gla', options, GATED);
  const given = takeInputs(q, k, v);
  core.check();
  return run(core, given, o, { decay: readDecay(core, 'gla', given, o) });
}

/** DeltaNet, Yang et al. 2024b: k is L2-normalised by the caller. */
export function deltaNet(core, q, k, v, options) {
  const o = takeOptions('deltaNet', options, DELTA);
  const given = takeInputs(q, k, v);
  core.check();
  return run(core, given, o, { beta: readBeta(core, 'deltaNet', given, o) });
}

const gatedDelta = (where) => (core, q, k, v, options) => {
  const o = takeOptions(where, options, GATED_DELTA);
  const given = takeInputs(q, k, v);
  core.check();
  return run(core, given, o, { decay: readDecay(core, where, given, o), beta: readBeta(core, where, given, o) });
};

/** Gated DeltaNet, Yang et al. 2025: one gate a head and token. */
export const gatedDeltaNet = gatedDelta('gatedDeltaNet');

/** Kimi delta attention, Kimi Team 2025: one gate a channel of k. */
export const kda = gatedDelta('kda');
