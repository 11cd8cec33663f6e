/** mamba2(): the state space model of Mamba-2 as a preset of linear(). */
import { copyOf, floatsFrom, newFloats } from '../core/arrays.js';
import { wrongShape, wrongValue } from '../core/errors.js';
import { asTheyAre, asTensor, Given, numbersIn, optionTakers, takeNumbers, takeOptions, takeTensor } from '../core/given.js';
import { floatsOf, LAYOUTS, locate, locateArray, sizeArray } from '../core/operand.js';
import { checkBoolean, checkInteger, checkOneOf, elements } from '../core/validate.js';
import { bufferOf, kindOf, plainFloats } from '../core/views.js';
import { COMMON, run } from './presets.js';
import { checkRows, readRows } from './row_lengths.js';

const OPTIONS = optionTakers({ ...COMMON, D: takeNumbers, dtBias: takeNumbers, ...asTheyAre('dtSoftplus') });

/** Those that say which tokens count. */
const ROWS = ['keyLengths', 'lengths', 'starts', 'sequences'];

/** log(1 + exp(x)), without overflow. */
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/**
 * Mamba-2 (SSD), Dao & Gu 2024: S ← exp(ΔA)·S + B(Δx)ᵀ, y = SᵀC + D·x. x [batch, heads, length, valueDim], dt as
 * [batch, heads, length], A [heads], B and C [batch, groups, length, dim] with groups dividing heads.
 */
export function mamba2(core, x, dt, A, B, C, options) {
  const o = takeOptions('mamba2', options, OPTIONS);
  const given = { x: takeTensor('x', x), dt: takeTensor('dt', dt), A: takeNumbers('A', A), B: takeTensor('B', B), C: takeTensor('C', C) };
  const layout = checkOneOf('layout', o.layout, LAYOUTS, 'bhtd');
  const sized = sizeArray(given.x, layout);
  const { batch, heads, rows, width } = sized;
  const read = readRows(o, batch);
  const rates = perHead(core, given.A, heads);
  const bias = o.dtBias ? perHead(core, o.dtBias, heads) : null;
  const skip = o.D ? readSkip(core, o.D, heads, width) : null;
  core.check();
  const tokens = countedTokens(checkRows(read, rows, rows), batch, rows);
  const input = locateArray(core, sized, layout);
  const delta = stepSizes(core, given.dt, input, layout, { bias, isSoftplus: checkBoolean('dtSoftplus', o.dtSoftplus, false), tokens });
  const decay = new Given('dt·A', null, floatsFrom(delta.data, (step, i) => step * rates[delta.headOf(i)]), delta.shape);
  const [k, q] = [given.B, given.C].map((one) => checkGroups(one, layout, heads));
  // The result may be written over x, which the skip still reads.
  if (skip && input.data && kindOf(o.out) && bufferOf(o.out) === bufferOf(input.data)) input.data = copyOf(plainFloats(input.data));
  const counted = Object.fromEntries(ROWS.map((name) => [name, o[name] && { ...o[name], list: read[name] }]));
  const result = run(core, { q, k, v: given.x }, { ...o, ...counted, scale: o.scale === undefined ? (o.state?.scale ?? 1) : o.scale }, { decay, writeGate: new Given('dt', null, delta.data, delta.shape) });
  if (skip) addSkip(core, result, input, skip, tokens);
  return result;
}

/** The first token of each row that counts, and the one behind the last, by what checkRows gave. */
function countedTokens({ counts, starts, packed }, batch, rows) {
  const from = Array.from({ length: batch }, (_, b) => (packed > 1 || starts === null ? 0 : starts[b]));
  return { from, to: from.map((first, b) => (packed > 1 || counts === null ? rows : first + counts[b])) };
}

/** The numbers of a list or tensor of one a head. */
function perHead(core, given, heads) {
  return numbersOf(core, given, [heads], `${heads} numbers, one a head`);
}

function numbersOf(core, given, counts, expected) {
  const count = given === null ? 0 : elements(given.shape);
  if (!counts.includes(count)) throw wrongValue(given?.name ?? 'A', expected, count);
  const numbers = given.list === undefined ? floatsOf(core, locate(core, asTensor(given))) : numbersIn(given);
  numbers.forEach((x, i) => {
    if (Number.isNaN(x)) throw wrongValue(`${given.name}[${i}]`, 'a number', x);
  });
  return Array.from(numbers);
}

/** Δ = dt, with dtBias added and softplus applied where asked for. */
function stepSizes(core, given, input, layout, { bias, isSoftplus, tokens: { from, to } }) {
  const shape = input.shape.slice(0, -1);
  if (given.shape.join() !== shape.join()) throw wrongShape('dt', `[${shape.join(', ')}], as x without its last axis`, given.shape);
  const { heads, rows } = input;
  const headOf = layout === 'bhtd' ? (i) => Math.floor(i / rows) % heads : (i) => i % heads;
  const tokenOf = layout === 'bhtd' ? (i) => i % rows : (i) => Math.floor(i / heads) % rows;
  const raw = floatsOf(core, locate(core, given));
  const data = newFloats(raw.length);
  for (let i = 0; i < data.length; i++) {
    const step = bias ? raw[i] + bias[headOf(i)] : raw[i];
    data[i] = isSoftplus ? softplus(step) : step;
    if (!Number.isNaN(data[i])) continue;
    const b = Math.floor(i / (heads * rows));
    if (tokenOf(i) >= from[b] && tokenOf(i) < to[b]) throw wrongValue(`dt[${i}]`, 'a number', NaN);
  }
  return { data, shape, headOf };
}

/** B or C, whose heads are groups of those of x. */
function checkGroups(given, layout, heads) {
  const groups = sizeArray(given, layout).heads;
  checkInteger(`heads of x over groups of ${given.name}`, heads / groups, 1, heads);
  return given;
}

/** D as one row a head: a number a head, or a head and value channel. */
function readSkip(core, given, heads, width) {
  const numbers = numbersOf(core, given, [heads, heads * width], `${heads} numbers, or ${heads} × ${width}`);
  return floatsFrom({ length: heads * width }, (_, i) => numbers[numbers.length === heads ? Math.floor(i / width) : i]);
}

/** Adds D·x, of the tokens that count. */
function addSkip(core, result, input, skip, { from, to }) {
  const out = result.data;
  const x = floatsOf(core, input);
  const { batch, heads, width, strides } = input;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const factors = skip.subarray(h * width, (h + 1) * width);
      for (let t = from[b], at = b * strides.batch + h * strides.head + t * strides.row; t < to[b]; t++, at += strides.row) {
        for (let c = 0; c < width; c++) out[at + c] += factors[c] * x[at + c];
      }
    }
  }
}
