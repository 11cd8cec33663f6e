/** The suites on every engine, and the plain SIMD build's bits, which must be the same on all. `npm run engines -- --help` */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { showConformance } from '../browser/conformance_page.js';
import { browsers, launch } from '../browser/driver.js';
import { hasRelaxedSimd } from '../../web/core/load.js';
import { createAttention } from '../../web/index.js';
import { digests } from './digests.js';

const usage = `npm run engines [-- engine ...] [--bits]

Runs the test files that need no browser on this Node, Node 22 and 24, Bun and Deno (Linux on x64; installed by this
command into tests/engines), and the suites in Chromium and Firefox, on the demo's page of them (conformance.html).
Compares the bits of many results with this Node's, and prints a table.

  --bits    the bits alone`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const installed = (path) => join(root, 'tests/engines/node_modules', path);
const files = ['simd', 'scalar', 'relaxed', 'simd-threads', 'relaxed-threads', 'create', 'threads', 'worker', 'add_map', 'safetensors', 'oracle', 'tolerance', 'util'];

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

/** Names of results whose bits differ. */
const differing = (expected, actual) => Object.keys(expected).filter((name) => actual[name] !== expected[name]);

async function bitsOfProgram(program) {
  const { well, stdout, output } = await run(program, 'tests/engines/print.js');
  if (!well) throw new Error(output);
  return JSON.parse(stdout);
}

/** The test files that fail, each with the end of what it printed. */
async function failingFiles(program) {
  const failing = [];
  for (const name of files) {
    const { well, output } = await run(program, `tests/${name}.test.js`);
    if (well && /^ *Passed: +[1-9]/m.test(output)) continue;
    failing.push(name);
    console.log(`${program.command} tests/${name}.test.js:\n${output.slice(-2000)}`);
  }
  return failing;
}

const parts = (good, total, what, failing) => `${good} of ${total}${what}${failing.length > 0 ? `, not ${failing.join(', ')}` : ''}`;

/** { suites, bits, isGood } of a program; `suites` says how many test files pass. */
async function runProgram(program, expected, bitsAlone) {
  const different = differing(expected, await bitsOfProgram(program));
  const failing = bitsAlone ? [] : await failingFiles(program);
  const total = Object.keys(expected).length;
  return {
    suites: bitsAlone ? '–' : parts(files.length - failing.length, files.length, ' files', failing),
    bits: parts(total - different.length, total, '', different),
    isGood: different.length + failing.length === 0,
  };
}

/** The same of a browser, as the page of the tests shows it; `suites` says how many suites pass, each on each of its builds. */
async function runBrowser(name, expected, bitsAlone) {
  const browser = await launch(name);
  try {
    const query = bitsAlone ? 'groups=bits&builds=simd' : '';
    const { outcome, rows, failures, obstacles } = await showConformance(browser, query);
    const { bits, ...suites } = rows;
    for (const text of [...failures, ...obstacles]) console.log(`${name}: ${text}`);
    if (!bits) throw new Error(`${name}: ${outcome}`);
    const cells = Object.entries(suites).flatMap(([title, row]) => row.cells.map(({ build, kind }) => ({ name: `${title} on ${build}`, isGood: kind === 'passed' })));
    const failing = cells.filter((cell) => !cell.isGood).map((cell) => cell.name);
    const simd = bits.cells.find(({ build }) => build === 'simd');
    return {
      suites: bitsAlone ? '–' : parts(cells.length - failing.length, cells.length, ' suites', failing),
      bits: simd.kind === 'passed' ? parts(simd.text.slice(2), Object.keys(expected).length, '', []) : simd.text,
      isGood: failing.length === 0 && bits.cells.every(({ kind }) => kind !== 'failed'),
    };
  } finally {
    await browser.close();
  }
}

async function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' }, bits: { type: 'boolean', default: false } } });
  if (values.help) return console.log(usage);
  const names = [...Object.keys(programs), ...browsers].filter((name) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
  const attention = await createAttention({ build: 'simd' });
  const expected = digests(attention);
  attention.dispose();
  console.log(`| engine | suites | results with the bits of Node ${process.versions.node} |\n| --- | --- | --- |`);
  for (const name of names) {
    const told = name in programs ? await runProgram(programs[name], expected, values.bits) : await runBrowser(name, expected, values.bits);
    console.log(`| ${name} | ${told.suites} | ${told.bits} |`);
    if (!told.isGood) process.exitCode = 1;
  }
}

await main();
