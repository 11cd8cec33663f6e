/** Prints every kernel's rate as a share of the machine's own peak, measured in the same process. */
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { createAttention } from '../../web/index.js';
import { sequenceCases, tileCase, tokenCases } from './cases.js';
import { growthText, measureGrowth } from './growth.js';
import { measure, median } from './measure.js';

const HELP = `Usage: npm run bench -- [options]

  --heads N    heads (8)
  --length N   tokens (4096)
  --dim N      length of query, key and value vectors (64)
  --cached N   tokens in the cache of the softmax step (8192)
  --rounds N   interleaved rounds, of which the median counts (9)
  --growth     instead: the exponents of time against T, and the crossover of linear and softmax
  --longest N  longest sequence of --growth (65536); softmax stops before a call of 3 s
  --json FILE  write the figures to a file as well
`;

function readOptions() {
  const options = {
    heads: { type: 'string', default: '8' },
    length: { type: 'string', default: '4096' },
    dim: { type: 'string', default: '64' },
    cached: { type: 'string', default: '8192' },
    rounds: { type: 'string', default: '9' },
    growth: { type: 'boolean', default: false },
    longest: { type: 'string', default: '65536' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  };
  let values;
  try {
    ({ values } = parseArgs({ options }));
    for (const name of ['heads', 'length', 'dim', 'cached', 'rounds', 'longest']) {
      const number = Number(values[name]);
      if (!Number.isInteger(number) || number < 1) throw new RangeError(`--${name} must be an integer of at least 1, got '${values[name]}'`);
      values[name] = number;
    }
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
const attention = await createAttention();
const machine = `${os.cpus()[0].model.trim()}, ${os.platform()} ${os.arch()}, Node ${process.versions.node} (V8 ${process.versions.v8})`;
console.log(`linear-attention-wasm ${attention.version}, build ${attention.build}, ${attention.threads} thread\n${machine}`);
async function benchKernels() {
  console.log(`batch 1, heads ${options.heads}, length ${options.length}, dim ${options.dim}, float32, resident tensors\n`);

  const tile = await tileCase();
  const [peak, ...sequences] = measure([tile, ...sequenceCases(attention, options)], { rounds: options.rounds });
  const rate = ({ flops, ms }) => flops / ms / 1e6;
  const rows = [peak, ...sequences].map((row) => ({ name: row.name, ms: row.ms, gflops: rate(row), share: rate(row) / rate(peak) }));
  console.log('kernel                              ms   GFLOP/s   of the tile');
  for (const { name, ms, gflops, share } of rows) {
    console.log(`${name.padEnd(31)}${ms.toFixed(2).padStart(7)}${gflops.toFixed(1).padStart(10)}${(share * 100).toFixed(1).padStart(12)} %`);
  }

  const tokens = measure(await tokenCases(attention, options), { rounds: options.rounds, sampleMs: 10 });
  console.log('\none token                              µs');
  for (const { name, ms } of tokens) console.log(`${name.padEnd(31)}${(ms * 1000).toFixed(2).padStart(10)}`);
  const overBare = tokens[0].ms / tokens[1].ms;
  console.log(`state.step is ${overBare.toFixed(2)} × the bare C step`);

  const startUpMs = startUpTime(7);
  console.log(`\nimport to first result in Node: ${startUpMs.toFixed(1)} ms`);

  const { heads, length, dim, cached, rounds } = options;
  return { bench: 'kernels', heads, length, dim, cached, rounds, kernels: rows, tokens: tokens.map(({ name, ms }) => ({ name, microseconds: ms * 1000 })), stepOverBare: overBare, startUpMs };
}

const LONGEST_MS = 3000;

function benchGrowth() {
  const figures = measureGrowth(attention, { heads: options.heads, longest: options.longest, longestMs: LONGEST_MS });
  console.log(growthText(figures));
  return { bench: 'growth', heads: options.heads, ...figures };
}

const figures = options.growth ? benchGrowth() : await benchKernels();
if (options.json) {
  const { version, build, threads } = attention;
  await writeFile(options.json, `${JSON.stringify({ version, build, threads, machine, date: new Date().toISOString(), ...figures }, null, 2)}\n`);
}
attention.dispose();
