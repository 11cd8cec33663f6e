/** The suites on every engine, and the plain SIMD build's bits, which must be the same on all. `npm run engines -- --help` */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { showConformance } from '../browser/conformance_page.js';
import { browsers, launch } from '../browser/driver.js';
import { hasRelaxedSimd } from '../../web/core/load.js';
import { createAttention } from '../../web/index.js';
import { digests } from './digests.js';

const usage = `npm run engines [-- engine ...] [--only file] [--bits]

Runs the test files that need no browser on this Node, Node 22 and 24, Bun and Deno (Linux on x64; installed by this
command into tests/engines), and the suites in Chromium and Firefox, on the demo's page of them (conformance.html).
Compares the bits of many results with this Node's, and prints a table.

  --only    the test files of this name alone (may be given several times); none in the browsers
  --bits    the bits alone`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const installed = (path) => join(root, 'tests/engines/node_modules', path);
const files = [
  'simd', 'scalar', 'relaxed', 'simd-threads', 'relaxed-threads', 'learn', 'create', 'threads', 'threads_lost', 'threads_silent',
  'worker', 'worker_cancel', 'worker_methods', 'worker_tensors', 'learn_alike', 'learn_worker', 'distill', 'distill_ends', 'distill_worker',
  'add_map', 'saved_format', 'saved_hostile', 'safetensors', 'safetensors_writer', 'pairs', 'allocation',
  'oracle', 'oracle_gradients', 'oracle_heads', 'oracle_stream', 'tolerance', 'util',
];

/** Programs that run a script: how, and how they say their version. */
const programs = {
  [`node ${process.versions.node}`]: { command: process.execPath, args: hasRelaxedSimd() ? [] : ['--experimental-wasm-relaxed-simd'] },
  'node 22': { command: installed('node-22/bin/node'), args: [] },
  'node 24': { command: installed('node-24/bin/node'), args: [] },
  bun: { command: installed('@oven/bun-linux-x64/bin/bun'), args: [] },
  deno: { command: installed('@deno/linux-x64-glibc/deno'), args: ['run', '-A', '--no-prompt'] },
};

/** Resolves to whether the script ended well and what it printed. */
function run({ command, args }, script) {
  const options = { cwd: root, timeout: 900_000, maxBuffer: 1 << 28, env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' } };
  return new Promise((resolve) => {
    execFile(command, [...args, script], options, (error, stdout, stderr) => resolve({ well: !error, stdout, output: stdout + stderr }));
  });
}

/** The version of a program, by what it says of itself. */
const versionOf = (program) => run({ ...program, args: [] }, '--version').then(({ stdout }) => stdout.match(/\d+(\.\d+)+/)[0]);

/** Names of results whose bits differ. */
const differing = (expected, actual) => Object.keys(expected).filter((name) => actual[name] !== expected[name]);

async function bitsOfProgram(program) {
  const { well, stdout, output } = await run(program, 'tests/engines/print.js');
  if (!well) throw new Error(output);
  return JSON.parse(stdout);
}

/** { passed, failing }: how many tests pass, and the test files that fail, each with the end of what it printed. */
async function runFiles(program, names) {
  const failing = [];
  let passed = 0;
  for (const name of names) {
    const { well, output } = await run(program, `tests/${name}.test.js`);
    const count = Number(stripVTControlCharacters(output).match(/^ *Passed: +(\d+)/m)?.[1] ?? 0);
    passed += count;
    if (well && count > 0) continue;
    failing.push(name);
    console.log(`${program.command} tests/${name}.test.js:\n${output.slice(-2000)}`);
  }
  return { passed, failing };
}

const parts = (good, total, what, failing) => `${good} of ${total}${what}${failing.length > 0 ? `, not ${failing.join(', ')}` : ''}`;

/** { version, suites, bits, isGood } of a program; `suites` says how many of the test files pass, and tests in them. */
async function runProgram(program, expected, { bits: bitsAlone, only }) {
  const different = differing(expected, await bitsOfProgram(program));
  const names = bitsAlone ? [] : files.filter((name) => only.length === 0 || only.includes(name));
  const { passed, failing } = await runFiles(program, names);
  const total = Object.keys(expected).length;
  return {
    version: await versionOf(program),
    suites: bitsAlone ? '–' : parts(names.length - failing.length, names.length, ` files, ${passed} tests`, failing),
    bits: parts(total - different.length, total, '', different),
    isGood: different.length + failing.length === 0,
  };
}

/** Cells show how many tests passed. */
const passedTests = (cells) => cells.reduce((sum, { text }) => sum + Number(text.match(/\d+/)?.[0] ?? 0), 0);

/** The same of a browser, as the page of the tests shows it; `suites` says how many suites pass, each on each of its builds. */
async function runBrowser(name, expected, { bits: isBits, only }) {
  const bitsAlone = isBits || only.length > 0;
  const browser = await launch(name);
  try {
    const query = bitsAlone ? 'groups=bits&builds=simd' : '';
    const { outcome, rows, failures, obstacles } = await showConformance(browser, query);
    const { bits, ...suites } = rows;
    for (const text of [...failures, ...obstacles]) console.log(`${name}: ${text}`);
    if (!bits) throw new Error(`${name}: ${outcome}`);
    const cells = Object.entries(suites).flatMap(([title, row]) => row.cells.map(({ build, kind, text }) => ({ name: `${title} on ${build}`, isGood: kind === 'passed', text })));
    const failing = cells.filter((cell) => !cell.isGood).map((cell) => cell.name);
    const simd = bits.cells.find(({ build }) => build === 'simd');
    return {
      version: browser.version.match(/\d+(\.\d+)+/)[0],
      suites: bitsAlone ? '–' : parts(cells.length - failing.length, cells.length, ` suites, ${passedTests(cells)} tests`, failing),
      bits: simd.kind === 'passed' ? parts(simd.text.slice(2), Object.keys(expected).length, '', []) : simd.text,
      isGood: failing.length === 0 && bits.cells.every(({ kind }) => kind !== 'failed'),
    };
  } finally {
    await browser.close();
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean' }, bits: { type: 'boolean', default: false }, only: { type: 'string', multiple: true, default: [] } },
  });
  for (const name of values.only) if (!files.includes(name)) throw new Error(`--only must be one of ${files.join(', ')}, got '${name}'`);
  if (values.help) return console.log(usage);
  const names = [...Object.keys(programs), ...browsers].filter((name) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
  const attention = await createAttention({ build: 'simd' });
  const expected = digests(attention);
  attention.dispose();
  console.log(`| engine | suites | results with the bits of Node ${process.versions.node} |\n| --- | --- | --- |`);
  for (const name of names) {
    const told = name in programs ? await runProgram(programs[name], expected, values) : await runBrowser(name, expected, values);
    console.log(`| ${name.split(' ')[0]} ${told.version} | ${told.suites} | ${told.bits} |`);
    if (!told.isGood) process.exitCode = 1;
  }
}

await main();
