/** What training costs: backward beside forward at H 8, d 64, T 4096, how it grows with T, and the memory that it takes. */
import os from 'node:os';
import { parseArgs } from 'node:util';
import { createAttention, linearGradient, softmaxGradient } from '../../web/learn.js';
import { internal } from '../../web/core/resident.js';
import { gaussian, tensorOf } from '../util.js';
import { measure } from './measure.js';
import { unitRows } from './unit_rows.js';

const { values: { help, threads: count } } = parseArgs({ options: { help: { type: 'boolean' }, threads: { type: 'string', default: '1' } } });
if (help) {
  console.log('npm run bench -- gradients [--threads N]\n\nTimes of gradients over times of the calls that they are of, medians of interleaved rounds in one process.');
  process.exit();
}

const threads = Number(count);
const [HEADS, DIM, LENGTH] = [8, 64, 4096];
const LENGTHS = [2048, 4096, 8192, 16384];
/** Longest sequence, of which the memory is told. */
const LONG = 16384;
const PAGE = 4096;
const PATTERN = 0x5a5aa5a5;

/** Resident q, k, v and the gradient of the result, and gates. */
function inputsOf(attention, length) {
  const shape = [1, HEADS, length, DIM];
  const resident = ({ data }) => attention.tensor(shape, data);
  const tensors = { q: resident(gaussian(shape, 1)), k: resident(unitRows(gaussian(shape, 2))), v: resident(gaussian(shape, 3)), dOut: resident(gaussian(shape, 4)) };
  return {
    ...tensors,
    decay: tensorOf([1, HEADS, length], (i) => -(i % 7) / 30), channel: tensorOf(shape, (i) => -(i % 11) / 60), beta: tensorOf([1, HEADS, length], (i) => ((i % 5) + 1) / 6),
    release: () => Object.values(tensors).forEach((tensor) => tensor.dispose()),
  };
}

const raw = { featureMap: 'identity', normalize: false, causal: true };

/** By name: the options of linear, or of softmax, and what the gradient may cost. */
const CASES = {
  'linear, elu, causal, normalised': { options: () => ({ causal: true }), most: 3 },
  'linear, elu, full, normalised': { options: () => ({}) },
  'decay a token': { options: ({ decay }) => ({ ...raw, decay }) },
  'decay a channel': { options: ({ channel }) => ({ ...raw, decay: channel }) },
  'delta rule': { options: ({ beta }) => ({ ...raw, beta }), most: 4 },
  'gated delta rule': { options: ({ decay, beta }) => ({ ...raw, decay, beta }) },
  'softmax, causal': { softmax: true, options: () => ({ causal: true }), most: 3.6 },
  'softmax, full': { softmax: true, options: () => ({}), most: 3.6 },
};

/** Forward and backward of a case, to be measured. */
function pairOf(attention, inputs, { softmax, options }) {
  const { q, k, v, dOut } = inputs;
  const o = options(inputs);
  return softmax
    ? [() => attention.softmax(q, k, v, o), () => softmaxGradient(attention, q, k, v, dOut, o)]
    : [() => attention.linear(q, k, v, o), () => linearGradient(attention, q, k, v, dOut, o)];
}

/** Bytes of linear memory that a call writes beside what is there: those of a block that was free and filled with a pattern. */
async function bytesOfCall(one) {
  const attention = await createAttention({ build: 'simd' });
  const inputs = inputsOf(attention, LONG);
  const block = attention.tensor([2 ** 27]);
  const { core, pointer, length } = block[internal];
  core.i32.fill(PATTERN, pointer >>> 2, (pointer >>> 2) + length);
  block.dispose();
  pairOf(attention, inputs, one)[1]();
  const words = core.i32;
  let bytes = 0;
  for (let at = pointer; at < pointer + 4 * length; at += PAGE) {
    const first = at >>> 2;
    for (let i = 0; i < PAGE / 4; i++) {
      if (words[first + i] === PATTERN) continue;
      bytes += PAGE;
      break;
    }
  }
  attention.dispose();
  return bytes;
}

const attention = await createAttention({ threads });
const cpus = os.cpus();
console.log(`linear-attention-wasm ${attention.version}, build ${attention.build}, ${attention.threads} thread${attention.threads > 1 ? 's' : ''}`);
console.log(`${cpus[0].model.trim()}, ${os.platform()} ${os.arch()}, Node ${process.versions.node}\nH ${HEADS}, d ${DIM}, T ${LENGTH}, batch 1\n`);

const inputs = inputsOf(attention, LENGTH);
const width = Math.max(...Object.keys(CASES).map((name) => name.length)) + 2;
console.log(`${''.padEnd(width)}forward, ms  backward, ms  ratio  at most`);
for (const [name, one] of Object.entries(CASES)) {
  const [forward, backward] = measure(pairOf(attention, inputs, one).map((run) => ({ run })), { rounds: one.softmax ? 3 : 9 });
  console.log(`${name.padEnd(width)}${forward.ms.toFixed(1).padStart(11)}${backward.ms.toFixed(1).padStart(14)}${(backward.ms / forward.ms).toFixed(2).padStart(7)}${String(one.most ?? '').padStart(9)}`);
}
inputs.release();

console.log(`\nTime against length, T ${LENGTHS.join(', ')}: exponent of a power of T`);
for (const name of ['linear, elu, causal, normalised', 'gated delta rule']) {
  const made = LENGTHS.map((length) => inputsOf(attention, length));
  const times = measure(made.map((each) => ({ run: pairOf(attention, each, CASES[name])[1] })), { rounds: 7 }).map(({ ms }) => ms);
  made.forEach((each) => each.release());
  const logs = (numbers) => numbers.map(Math.log2);
  const [x, y] = [logs(LENGTHS), logs(times)];
  const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const slope = x.reduce((sum, a, i) => sum + (a - mean(x)) * (y[i] - mean(y)), 0) / x.reduce((sum, a) => sum + (a - mean(x)) ** 2, 0);
  console.log(`${name.padEnd(width)}${slope.toFixed(2).padStart(6)}   ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
}
attention.dispose();

console.log(`\nMemory at T ${LONG} beside inputs and results, one thread`);
for (const [name, one] of Object.entries(CASES)) {
  // Softmax takes the same memory either way, and a minute for it.
  if (name === 'softmax, full') continue;
  const floats = HEADS * LONG * DIM;
  // Gates that are no tensors are copied in and have gradients of their sizes.
  const gates = { 'decay a token': 2 * HEADS * LONG, 'decay a channel': 2 * floats, 'delta rule': 2 * HEADS * LONG, 'gated delta rule': 4 * HEADS * LONG }[name] ?? 0;
  const beside = (await bytesOfCall(one)) - 4 * (3 * floats + gates);
  console.log(`${name.padEnd(width)}${(beside / 1e6).toFixed(1).padStart(6)} MB`);
}
