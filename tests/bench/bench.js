/** Prints every kernel's rate as a share of the machine's own peak, measured in the same process. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { createAttention } from '../../web/index.js';
import { againstText, measureAgainst, openOther } from './against.js';
import { accuracyCases, measureAccuracy } from './accuracy.js';
import { sequenceCases, tileCase, tokenCases } from './cases.js';
import { familyCases, familyTokens } from './family.js';
import { growthText, measureGrowth } from './growth.js';
import { measure, median } from './measure.js';
import { chooseRows } from './only.js';
import { measureShapes, shapes, shapesText } from './shapes.js';
import { measureStates, rules, statesText } from './states.js';

const HELP = `Usage: npm run bench -- [options]

  --heads N    heads (8)
  --length N   tokens (4096)
  --dim N      length of query, key and value vectors (64)
  --layout L   bhtd or bthd, of the kernels' table and of --threads (bhtd)
  --cached N   tokens in the cache of the softmax step (8192)
  --build NAME simd or relaxed (the best that the engine has)
  --only TEXT  measure only the rows whose name has this in it; may be given several times
  --threads N  also measure N threads, and print how many times faster they are than one
  --rounds N   interleaved rounds, of which the median counts (9)
  --growth     instead: the exponents of time against T, and the crossover of linear and softmax
  --longest N  longest sequence of --growth (65536); softmax stops before a call of 3 s
  --accuracy   instead: the error against the number of tokens, to 2^24 (10 minutes; --only and --most make it less)
  --most N     longest stream of --accuracy, 2^N tokens, N from 10 to 26 (24)
  --shapes     instead: the shapes of published models, a prefill of 2,048 tokens and one token, as a table in Markdown
  --states     instead: what history and transition cost a step and a prefill, and absorb beside linear, as ratios
  --against D  instead: every row on this checkout and on the one in folder D, built, in turns, with the ratio of their times
  --json FILE  write the figures to a file as well
`;

function readOptions() {
  const options = {
    heads: { type: 'string', default: '8' },
    length: { type: 'string', default: '4096' },
    dim: { type: 'string', default: '64' },
    layout: { type: 'string', default: 'bhtd' },
    cached: { type: 'string', default: '8192' },
    rounds: { type: 'string', default: '9' },
    build: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    growth: { type: 'boolean', default: false },
    longest: { type: 'string', default: '65536' },
    accuracy: { type: 'boolean', default: false },
    most: { type: 'string', default: '24' },
    shapes: { type: 'boolean', default: false },
    states: { type: 'boolean', default: false },
    against: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  };
  let values;
  try {
    ({ values } = parseArgs({ options }));
    for (const name of ['heads', 'length', 'dim', 'cached', 'rounds', 'threads', 'longest', 'most']) {
      const number = Number(values[name]);
      const most = name === 'dim' || name === 'threads' ? 256 : Number.MAX_SAFE_INTEGER;
      if (!Number.isInteger(number) || number < 1 || number > most) throw new RangeError(`--${name} must be an integer from 1 to ${most}, got '${values[name]}'`);
      values[name] = number;
    }
    if (!['auto', 'simd', 'relaxed'].includes(values.build)) throw new RangeError(`--build must be simd or relaxed, got '${values.build}'`);
    if (values.most < 10 || values.most > 26) throw new RangeError(`--most must be an integer from 10 to 26, got '${values.most}'`);
    if (values.only && values.growth) throw new RangeError('--only names rows, which --growth does not have');
    if (['growth', 'accuracy', 'shapes', 'states', 'against'].filter((name) => values[name]).length > 1) throw new RangeError('--growth, --accuracy, --shapes, --states and --against are a run each');
    if (!['bhtd', 'bthd'].includes(values.layout)) throw new RangeError(`--layout must be bhtd or bthd, got '${values.layout}'`);
  } catch (error) {
    process.stderr.write(`${error.message}\n${HELP}`);
    process.exit(2);
  }
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  return values;
}

/** Milliseconds from the import to the first result, in fresh processes. */
function startUpTime(runs) {
  const source = `
    const start = performance.now();
    const { createAttention } = await import(${JSON.stringify(new URL('../../web/index.js', import.meta.url).href)});
    const attention = await createAttention();
    const x = { data: new Float32Array(64 * 64).fill(0.1), shape: [64, 64] };
    attention.linear(x, x, x);
    console.log(performance.now() - start);`;
  return median(Array.from({ length: runs }, () => Number(execFileSync(process.execPath, ['--input-type=module', '-e', source]))));
}

const options = readOptions();
const attention = await createAttention({ build: options.build });
const machine = `${os.cpus()[0].model.trim()}, ${os.platform()} ${os.arch()}, Node ${process.versions.node} (V8 ${process.versions.v8})`;
console.log(`linear-attention-wasm ${attention.version}, build ${attention.build}, ${attention.threads} thread\n${machine}`);
const rate = ({ flops, ms }) => flops / ms / 1e6;

/** Measures cases beside the tile and prints their rates as shares of it, below a note; `reference`, when named, is what others are compared with. */
function measureRates(tile, title, cases, { note, reference } = {}) {
  if (cases.length === 0) return [];
  const [peak, ...timed] = measure([tile, ...cases], { rounds: options.rounds });
  const compared = timed.find(({ name }) => name === reference);
  const rows = [peak, ...timed].map((row) => ({ name: row.name, ms: row.ms, gflops: rate(row), share: rate(row) / rate(peak), ...(compared && { ofReference: rate(row) / rate(compared) }) }));
  console.log(`\n${note ? `${note}\n` : ''}${title.padEnd(31)}     ms   GFLOP/s   of the tile${compared ? '   of elu' : ''}`);
  for (const { name, ms, gflops, share, ofReference } of rows) {
    const last = compared ? `${(ofReference * 100).toFixed(0).padStart(7)} %` : '';
    console.log(`${name.padEnd(31)}${ms.toFixed(2).padStart(7)}${gflops.toFixed(1).padStart(10)}${(share * 100).toFixed(1).padStart(12)} %${last}`);
  }
  return rows;
}

/** The same cases on one thread and on several, interleaved. */
async function measureThreads(names) {
  const many = await createAttention({ build: options.build, threads: options.threads });
  const [one, all] = [attention, many].map((instance) => sequenceCases(instance, options).filter(({ name }) => names.has(name)));
  const timed = measure([...one, ...all], { rounds: options.rounds });
  const times = one.map(({ name }, i) => ({ name, ms: timed[i].ms, threadsMs: timed[one.length + i].ms, faster: timed[i].ms / timed[one.length + i].ms }));
  console.log(`\n${many.threads} threads, started in ${many.threadsStartMs.toFixed(0)} ms  1 thread ms     all ms   times faster`);
  for (const { name, ms, threadsMs, faster } of times) console.log(`${name.padEnd(31)}${ms.toFixed(2).padStart(9)}${threadsMs.toFixed(2).padStart(12)}${faster.toFixed(2).padStart(12)}`);
  many.dispose();
  return times;
}

/** One token at a time; how many times longer state.step takes than the C function in it, where both are measured. */
function measureTokens(cases) {
  if (cases.length === 0) return {};
  const tokens = measure(cases, { rounds: options.rounds, sampleMs: 10, warmMs: 200 });
  console.log('\none token                                      µs');
  for (const { name, ms } of tokens) console.log(`${name.padEnd(42)}${(ms * 1000).toFixed(2).padStart(8)}`);
  const [step, bare] = ['state.step', '  the bare C step'].map((start) => tokens.find(({ name }) => name.startsWith(start)));
  const stepOverBare = step && bare && step.ms / bare.ms;
  if (stepOverBare) console.log(`state.step is ${stepOverBare.toFixed(2)} × the bare C step`);
  return { tokens: tokens.map(({ name, ms }) => ({ name, microseconds: ms * 1000 })), stepOverBare };
}

/** The rows of --only alone where it is given; ends the process where it names none. */
function chosen(rows) {
  try {
    return chooseRows(rows, options.only);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

/** Every row by its group. */
async function readRows() {
  const rows = {
    kernels: sequenceCases(attention, options),
    family: familyCases(attention, options),
    tokens: [...(await tokenCases(attention, options)), ...familyTokens(attention, options)],
    startUp: [{ name: 'import to first result in Node' }],
  };
  return chosen(rows);
}

async function benchKernels() {
  console.log(`batch 1, heads ${options.heads}, length ${options.length}, dim ${options.dim}, layout ${options.layout}, float32, resident tensors`);

  const rows = await readRows();
  const tile = await tileCase(attention.build);
  const kernels = measureRates(tile, 'kernel', rows.kernels);
  const family = measureRates(tile, 'map or preset', rows.family, {
    note: 'Causal, whole sequences by the fused recurrence; the projections of favor, rff and learned count as useful work.',
    reference: `elu, ${options.dim} features`,
  });

  const threaded = options.threads > 1 && kernels.length > 0 ? await measureThreads(new Set(kernels.map(({ name }) => name))) : undefined;
  const { tokens, stepOverBare } = measureTokens(rows.tokens);

  const startUpMs = rows.startUp.length > 0 ? startUpTime(7) : undefined;
  if (startUpMs) console.log(`\n${rows.startUp[0].name}: ${startUpMs.toFixed(1)} ms`);

  const { heads, length, dim, layout, cached, rounds, only } = options;
  // Under a name of its own, some rows cannot be written into a document as if they were all.
  const bench = only ? 'kernels, some' : 'kernels';
  return { bench, heads, length, dim, layout, cached, rounds, kernels, family, threaded, tokens, stepOverBare, startUpMs };
}

const LONGEST_MS = 3000;

function benchGrowth() {
  const figures = measureGrowth(attention, { heads: options.heads, longest: options.longest, longestMs: LONGEST_MS });
  console.log(growthText(figures));
  return { bench: 'growth', heads: options.heads, ...figures };
}

function benchAccuracy() {
  return { bench: 'accuracy', tables: measureAccuracy(chosen(accuracyCases(attention, options.most)), console.log) };
}

function benchShapes() {
  const rows = measureShapes(attention, chosen({ shapes }).shapes, options);
  console.log(`batch 1, float32, resident tensors, medians of ${options.rounds} rounds\n\n${shapesText(rows)}`);
  return { bench: 'shapes', rounds: options.rounds, shapes: rows };
}

function benchStates() {
  const rows = measureStates(attention, chosen({ rules }).rules, options);
  console.log(`8 heads of 64 × 64, resident tensors, the fastest of ${10 * options.rounds} samples; ratios are to the state with neither, absorb's to linear\n\n${statesText(rows)}`);
  return { bench: 'states', rounds: options.rounds, states: rows };
}

async function benchAgainst() {
  const other = await openOther(options.against, { build: options.build });
  const rowsOn = async (instance) => [...sequenceCases(instance, options), ...familyCases(instance, options), ...(await tokenCases(instance, options)), ...familyTokens(instance, options)];
  const [here, there] = [await rowsOn(attention), await rowsOn(other)];
  // The bare C step is read from this checkout by both.
  const names = new Set(chosen({ rows: here }).rows.map(({ name }) => name).filter((name) => !name.includes('bare')));
  const rows = measureAgainst(...[here, there].map((list) => list.filter(({ name }) => names.has(name))), options);
  console.log(`${other.version}, build ${other.build}, there\n\n${againstText(rows, options.against)}`);
  other.dispose();
  return { bench: 'against', heads: options.heads, length: options.length, dim: options.dim, other: other.version, rows };
}

const special = { growth: benchGrowth, accuracy: benchAccuracy, shapes: benchShapes, states: benchStates, against: benchAgainst };
const asked = Object.keys(special).filter((name) => options[name]);
const figures = await (special[asked[0]] ?? benchKernels)();
if (options.json) {
  const { version, build } = attention;
  await writeFile(options.json, `${JSON.stringify({ version, build, threads: options.threads, machine, date: new Date().toISOString(), ...figures }, null, 2)}\n`);
}
attention.dispose();
