/** linear() under the names and defaults of published models. All are causal, with the identity as feature map, not normalised. */
import { NAMES } from './softmax.js';
import { wrongKind, wrongShape, wrongValue } from '../core/errors.js';
import { checkNumbers } from './gates.js';
import { linear } from './linear.js';
import { floatsOf, LAYOUTS, readArray, readOperand } from '../core/operand.js';
import { checkBoolean, checkInteger, checkOneOf, checkOptions, isList } from '../core/validate.js';

const COMMON = ['scale', 'keyLengths', 'state', 'layout', 'out'];

/** The gates' names: g is the logarithm (flash-linear-attention), alpha its exponential (the papers), decay our word for g. */
const GATE = ['g', 'alpha', 'decay'];

const numbersOf = (core, name, value) => {
  if (typeof value === 'number') return [value];
  if (isList(value)) {
    checkNumbers(name, value);
    return value;
  }
  return floatsOf(core, readOperand(core, name, value));
};

/** The same numbers, shape and kind, each passed through f: (number, index) → number. */
function mapNumbers(core, name, value, f) {
  const numbers = numbersOf(core, name, value);
  if (typeof value === 'number') return f(value, 0);
  const data = Float32Array.from(numbers, f);
  return isList(value) ? data : { data, shape: value.shape ?? value.dims };
}

function requireWithin(core, name, value, low, high) {
  const numbers = numbersOf(core, name, value);
  for (let i = 0; i < numbers.length; i++) if (numbers[i] < low || numbers[i] > high) throw wrongValue(`${name}[${i}]`, `from ${low} to ${high}`, numbers[i]);
}

/** The decay and the name under which it was given. */
function readGate(core, where, o) {
  const given = GATE.filter((name) => o[name] !== undefined && o[name] !== null);
  if (given.length !== 1) throw new TypeError(`${where} needs its gate as one of g (a logarithm, at most 0), decay (the same) or alpha (its exponential, 0 to 1), got ${given.join(' and ') || 'none'}`);
  const [name] = given;
  if (name !== 'alpha') return { name, decay: o[name] };
  requireWithin(core, name, o.alpha, 0, 1);
  return { name, decay: mapNumbers(core, name, o.alpha, Math.log) };
}

/** beta of the delta rule: a sigmoid in the papers, twice that where the transition may have negative eigenvalues. */
function readBeta(core, where, o) {
  if (o.beta === undefined) throw wrongKind(`beta of ${where}`, 'a number, an array of numbers or a tensor', o.beta);
  requireWithin(core, 'beta', o.beta, 0, checkBoolean('allowNegativeEigenvalues', o.allowNegativeEigenvalues, false) ? 2 : 1);
  return o.beta;
}

/** `names` and `writes` as linear() takes them. */
function run(core, q, k, v, o, { decay, beta }, { names = {}, writes } = {}) {
  const known = { ...NAMES, ...names };
  const { shape } = readOperand(core, known.q, q);
  const { scale = o.state?.scale ?? 1 / Math.sqrt(shape.at(-1) || 1), keyLengths, state, layout, out } = o;
  return linear(core, q, k, v, { featureMap: 'identity', causal: true, normalize: false, scale, keyLengths, state, layout, out, decay, beta }, { names: known, writes });
}

/** RetNet, Sun et al. 2023: head h keeps gamma_h = 1 − 2^(−5−h) of its state at every token. */
export function retention(core, q, k, v, options) {
  core.check();
  const o = checkOptions('retention', options, [...COMMON, 'gamma']);
  const { heads } = readArray(core, 'k', k, checkOneOf('layout', o.layout, LAYOUTS, 'bhtd'));
  const gamma = o.gamma ?? Array.from({ length: heads }, (_, h) => 1 - 2 ** (-5 - h));
  requireWithin(core, 'gamma', gamma, 0, 1);
  if (numbersOf(core, 'gamma', gamma).some(Number.isNaN)) throw wrongValue('gamma', 'from 0 to 1', NaN);
  return run(core, q, k, v, o, { decay: mapNumbers(core, 'gamma', gamma, Math.log) }, { names: { decay: 'gamma' } });
}

/** Gated linear attention, Yang et al. 2024a: a gate a channel of k. */
export function gla(core, q, k, v, options) {
  core.check();
  const o = checkOptions('gla', options, [...COMMON, ...GATE]);
  const { name, decay } = readGate(core, 'gla', o);
  return run(core, q, k, v, o, { decay }, { names: { decay: name } });
}

/** DeltaNet, Yang et al. 2024b: k is L2-normalised by the caller. */
export function deltaNet(core, q, k, v, options) {
  core.check();
  const o = checkOptions('deltaNet', options, [...COMMON, 'beta', 'allowNegativeEigenvalues']);
  return run(core, q, k, v, o, { beta: readBeta(core, 'deltaNet', o) });
}

const gatedDelta = (where) => (core, q, k, v, options) => {
  core.check();
  const o = checkOptions(where, options, [...COMMON, ...GATE, 'beta', 'allowNegativeEigenvalues']);
  const { name, decay } = readGate(core, where, o);
  return run(core, q, k, v, o, { decay, beta: readBeta(core, where, o) }, { names: { decay: name } });
};

/** Gated DeltaNet, Yang et al. 2025: one gate a head and token. */
export const gatedDeltaNet = gatedDelta('gatedDeltaNet');

/** Kimi delta attention, Kimi Team 2025: one gate a channel of k. */
export const kda = gatedDelta('kda');

/** log(1 + exp(x)), without overflow. */
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/**
 * Mamba-2 (SSD), Dao & Gu 2024: S ← exp(ΔA)·S + B(Δx)ᵀ, y = SᵀC + D·x. x [batch, heads, length, valueDim], dt as
 * [batch, heads, length], A [heads], B and C [batch, groups, length, dim] with groups dividing heads.
 */
export function mamba2(core, x, dt, A, B, C, options) {
  core.check();
  const o = checkOptions('mamba2', options, [...COMMON, 'D', 'dtBias', 'dtSoftplus']);
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const input = readArray(core, 'x', x, layout);
  const delta = stepSizes(core, dt, input, layout, o);
  const { heads } = input;
  const rates = perHead(core, 'A', A, heads);
  const decay = { data: delta.data.map((step, i) => step * rates[delta.headOf(i)]), shape: delta.shape };
  const groups = [['B', B], ['C', C]].map(([name, value]) => expandGroups(core, name, value, layout, heads));
  const skip = o.D === undefined ? null : readSkip(core, o.D, heads, input.width);
  // The result may be written over x, which the skip still reads.
  if (skip && input.data && input.data.buffer === o.out?.buffer) input.data = input.data.slice();
  const result = run(core, groups[1], groups[0], x, { ...o, scale: o.scale ?? o.state?.scale ?? 1 }, { decay }, { names: { q: 'C', k: 'B', v: 'x', decay: 'dt·A' }, writes: delta });
  if (skip) addSkip(core, result, input, skip, o.keyLengths);
  return result;
}

/** Δ = dt, with dtBias added and softplus applied where asked for. */
function stepSizes(core, dt, input, layout, o) {
  const operand = readOperand(core, 'dt', dt);
  const shape = input.shape.slice(0, -1);
  if (operand.shape.join() !== shape.join()) throw wrongShape('dt', `[${shape.join(', ')}], as x without its last axis`, operand.shape);
  const { heads, rows } = input;
  const headOf = layout === 'bhtd' ? (i) => Math.floor(i / rows) % heads : (i) => i % heads;
  const bias = o.dtBias === undefined ? null : perHead(core, 'dtBias', o.dtBias, heads);
  const positive = checkBoolean('dtSoftplus', o.dtSoftplus, false);
  const raw = floatsOf(core, operand);
  const data = new Float32Array(raw.length);
  for (let i = 0; i < data.length; i++) {
    const step = bias ? raw[i] + bias[headOf(i)] : raw[i];
    data[i] = positive ? softplus(step) : step;
  }
  return { data, shape, headOf };
}

function perHead(core, name, value, heads) {
  const numbers = numbersOf(core, name, value);
  if (numbers.length !== heads) throw wrongValue(name, `${heads} numbers, one a head`, numbers.length);
  return numbers;
}

/** Every head its own copy of its group's rows. */
function expandGroups(core, name, value, layout, heads) {
  const group = readArray(core, name, value, layout);
  checkInteger(`heads of x over groups of ${name}`, heads / group.heads, 1, heads);
  if (group.heads === heads) return value;
  const source = floatsOf(core, group);
  const { batch, rows, width, strides: [batchStride, headStride, rowStride] } = group;
  const axes = layout === 'bhtd' ? [batch, heads, rows] : [batch, rows, heads];
  const data = new Float32Array(batch * heads * rows * width);
  for (let i = 0; i < batch * heads * rows; i++) {
    const outer = Math.floor(i / (axes[1] * axes[2])), middle = Math.floor(i / axes[2]) % axes[1], inner = i % axes[2];
    const [h, t] = layout === 'bhtd' ? [middle, inner] : [inner, middle];
    const from = outer * batchStride + Math.floor((h * group.heads) / heads) * headStride + t * rowStride;
    data.set(source.subarray(from, from + width), i * width);
  }
  return { data, shape: [...axes, width].slice(4 - group.shape.length) };
}

/** D as one row a head: a number a head, or a head and value channel. */
function readSkip(core, D, heads, width) {
  const numbers = numbersOf(core, 'D', D);
  if (numbers.length !== heads && numbers.length !== heads * width) throw wrongValue('D', `${heads} numbers, or ${heads} × ${width}`, numbers.length);
  return Float32Array.from({ length: heads * width }, (_, i) => numbers[numbers.length === heads ? Math.floor(i / width) : i]);
}

/** Adds D·x, of the keys that count. */
function addSkip(core, result, input, skip, keyLengths) {
  const out = result.data;
  const x = floatsOf(core, input);
  const { batch, heads, rows, width, strides: [batchStride, headStride, rowStride] } = input;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const factors = skip.subarray(h * width, (h + 1) * width);
      const end = keyLengths ? Number(keyLengths[b]) : rows;
      for (let t = 0, at = b * batchStride + h * headStride; t < end; t++, at += rowStride) {
        for (let c = 0; c < width; c++) out[at + c] += factors[c] * x[at + c];
      }
    }
  }
}
