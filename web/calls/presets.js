/** linear() under the names and defaults of published models. All are causal, with the identity as feature map, not normalised. */
import { wrongKind, wrongValue } from '../core/errors.js';
import { asTheyAre, optionTakers, takeKeyLengths, takeNumbers, takeOptions } from '../core/given.js';
import { LAYOUTS, sizeArray } from '../core/operand.js';
import { checkBoolean, checkOneOf } from '../core/validate.js';
import { betaChoices, convertGate, decayChoices, sequenceAxes } from './gates.js';
import { takeInputs } from './inputs.js';
import { attend } from './linear.js';

export const COMMON = { ...asTheyAre('scale'), keyLengths: takeKeyLengths, ...asTheyAre('state', 'layout', 'out') };

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

/** [name, size] of what a gate of this call may vary over. */
function axesOf(k, o) {
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  return sequenceAxes(layout, sizeArray(k, layout));
}

/** The decay, from the one of its names that was given. */
function readDecay(core, where, k, o) {
  const given = Object.keys(GATE).filter((name) => o[name] !== undefined && o[name] !== null);
  if (given.length !== 1) throw new TypeError(`${where} needs its gate as one of g (a logarithm, at most 0), decay (the same) or alpha (its exponential, 0 to 1), got ${given.join(' and ') || 'none'}`);
  return o.alpha ? logarithm(core, o.alpha, axesOf(k, o)) : o[given[0]];
}

function logarithm(core, given, axes) {
  const check = within(given.name, 0, 1);
  return convertGate(core, given, () => decayChoices(axes, 'features'), (x, i) => Math.log(check(x, i)));
}

/** beta of the delta rule: a sigmoid in the papers, twice that where the transition may have negative eigenvalues. */
function readBeta(core, where, k, o) {
  if (!o.beta) throw wrongKind(`beta of ${where}`, 'a number, an array of numbers or a tensor', o.beta);
  const most = checkBoolean('allowNegativeEigenvalues', o.allowNegativeEigenvalues, false) ? 2 : 1;
  return convertGate(core, o.beta, () => betaChoices(axesOf(k, o)), within('beta', 0, most));
}

/** linear() with the settings of all presets; `gates`: decay, beta and writeGate, taken. */
export function run(core, given, o, gates) {
  const { scale = o.state?.scale ?? 1 / Math.sqrt(given.q.shape.at(-1) || 1), keyLengths, state, layout, out } = o;
  return attend(core, given, { featureMap: 'identity', causal: true, normalize: false, scale, keyLengths, state, layout, out, ...gates }, true);
}

/** RetNet, Sun et al. 2023: head h keeps gamma_h = 1 − 2^(−5−h) of its state at every token. */
export function retention(core, q, k, v, options) {
  const o = takeOptions('retention', options, RETENTION);
  const given = takeInputs(q, k, v);
  core.check();
  const axes = axesOf(given.k, o);
  const { heads } = sizeArray(given.k, o.layout ?? 'bhtd');
  const gamma = o.gamma ?? takeNumbers('gamma', Array.from({ length: heads }, (_, h) => 1 - 2 ** (-5 - h)));
  return run(core, given, o, { decay: logarithm(core, gamma, axes) });
}

/** Gated linear attention, Yang et al. 2024a: a gate a channel of k. */
export function gla(core, q, k, v, options) {
  const o = takeOptions('gla', options, GATED);
  const given = takeInputs(q, k, v);
  core.check();
  return run(core, given, o, { decay: readDecay(core, 'gla', given.k, o) });
}

/** DeltaNet, Yang et al. 2024b: k is L2-normalised by the caller. */
export function deltaNet(core, q, k, v, options) {
  const o = takeOptions('deltaNet', options, DELTA);
  const given = takeInputs(q, k, v);
  core.check();
  return run(core, given, o, { beta: readBeta(core, 'deltaNet', given.k, o) });
}

const gatedDelta = (where) => (core, q, k, v, options) => {
  const o = takeOptions(where, options, GATED_DELTA);
  const given = takeInputs(q, k, v);
  core.check();
  return run(core, given, o, { decay: readDecay(core, where, given.k, o), beta: readBeta(core, where, given.k, o) });
};

/** Gated DeltaNet, Yang et al. 2025: one gate a head and token. */
export const gatedDeltaNet = gatedDelta('gatedDeltaNet');

/** Kimi delta attention, Kimi Team 2025: one gate a channel of k. */
export const kda = gatedDelta('kda');
