// Runs the tests with uvu and counts them: uvu itself exits with 0 for a file that forgets to run
// its suite, for a suite whose set-up throws, and for no tests at all.
//
//   node tests/run.js                     every tests/**/*.test.js; fails when fewer tests ran than expected-count says
//   node tests/run.js tolerance           one file, by its path or its name
//   node tests/run.js simd 'feature map'  one suite on one build; without a build, on all of them
//   node tests/run.js --list ...          what would run, without running it
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { hasRelaxedSimd } from '../web/core/load.js';
import { findTests, select } from './select.js';
import { titles } from './suites/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2).filter((word) => word !== '--list');

/** The files and suites that the words name; ends the process where a word names nothing. */
function readSelection() {
  try {
    return select(words, findTests(), titles);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

/** The number of tests that a whole run must reach; 0 for a part of them. */
function readExpected() {
  if (words.length > 0) return 0;
  const text = readFileSync(new URL('expected-count', import.meta.url), 'utf8').trim();
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`tests/expected-count must hold one positive integer, not '${text}'`);
  return Number(text);
}

/** The regular expression by which uvu picks these files, whose names it takes from tests/ on. */
function filePattern(files) {
  const names = files.map((path) => path.slice('tests/'.length).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return `^(${names.join('|')})$`;
}

/** Node 20 has relaxed SIMD behind a flag, later ones have no such flag. The relaxed builds are tested in either case. */
const relaxedSimd = hasRelaxedSimd() ? [] : ['--experimental-wasm-relaxed-simd'];

/** Runs uvu on files; `say` gets its output as it comes. Resolves to that output and how the process ended. */
function runUvu(files, suites, say) {
  return new Promise((resolve, reject) => {
    const colour = process.stdout.isTTY ? [] : ['--no-color'];
    const child = spawn(process.execPath, [...relaxedSimd, 'node_modules/uvu/bin.js', 'tests', filePattern(files), ...colour], {
      cwd: root,
      env: { ...process.env, TEST_SUITES: JSON.stringify(suites) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      say(text);
      output += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ output: stripVTControlCharacters(output), code, signal }));
  });
}

/** Processes at once: where there is a second core a third uses what the others leave, above all while browsers wait. */
const LANES = 3;

/** Files that take long, or compute alone: each is a process. Browsers share one, so that the page is built once. */
const ALONE = ['simd', 'simd-threads', 'relaxed-threads', 'relaxed', 'scalar', 'native', 'pairs', 'digits', 'allocation'].map((name) => `tests/${name}.test.js`);

/** The files of each process, those that take longest first. */
function tasksOf(files) {
  const inBrowser = files.filter((path) => path.startsWith('tests/browser/'));
  const others = files.filter((path) => !inBrowser.includes(path) && !ALONE.includes(path));
  const alone = ALONE.filter((path) => files.includes(path)).map((path) => [path]);
  return [inBrowser, others, ...alone].filter((task) => task.length > 0);
}

/** Runs the selection; what one of several processes prints comes when it has ended. */
async function runSelection({ files, suites }) {
  const tasks = tasksOf(files);
  if (os.availableParallelism() < 2 || tasks.length < 2) return [await runUvu(files, suites, (text) => process.stdout.write(text))];
  const runs = [];
  const lane = async () => {
    for (let task = tasks.shift(); task; task = tasks.shift()) {
      const run = await runUvu(task, suites, () => {});
      process.stdout.write(run.output);
      runs.push(run);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return runs;
}

/** The last number that uvu printed behind a label, or undefined. */
function lastCount(output, label) {
  const match = [...output.matchAll(new RegExp(`^ *${label}: +(\\d+)$`, 'gm'))].at(-1);
  return match && Number(match[1]);
}

/** The first lines of what uvu printed of each failed test: its name and its error. */
function failures(output) {
  const MOST_LINES = 8;
  return [...output.matchAll(/^ +FAIL {2}[^]*?(?=\n\n\n|\n {4}at )/gm)].map(([text]) => text.split('\n').slice(0, MOST_LINES).join('\n').trimEnd());
}

const selection = readSelection();
if (process.argv.includes('--list')) {
  console.log([...selection.files, ...(selection.suites ?? []).map((title) => `  ${title}`)].join('\n'));
  process.exit();
}
const expected = readExpected();
const runs = (await runSelection(selection)).map(({ output, code, signal }) => ({
  code, signal, failures: failures(output), total: lastCount(output, 'Total'), passed: lastCount(output, 'Passed') ?? 0, skipped: lastCount(output, 'Skipped') ?? 0,
}));
const sum = (name) => runs.reduce((all, run) => all + (run[name] ?? 0), 0);
const [total, passed, skipped] = [sum('total'), sum('passed'), sum('skipped')];
const ended = ({ code, signal }) => signal ?? `code ${code}`;
let failed = Math.max(total - passed + skipped, expected - passed);

for (const run of runs) {
  if (run.total === undefined) console.log(`The test process ended (${ended(run)}) before it printed its totals.`);
  else if (run.total === 0) console.log('No tests ran.');
  else if (run.code !== 0 && run.total === run.passed && run.skipped === 0) console.log(`Every test passed, but the process ended with ${ended(run)}.`);
}
const told = runs.flatMap((run) => run.failures);
if (told.length > 0) console.log(['What failed:', ...told, ''].join('\n\n'));
if (skipped > 0) console.log(`${skipped} tests were skipped; a skipped test counts as failed.`);
if (total < expected) console.log(`${total} tests ran where tests/expected-count says ${expected}; those missing count as failed.`);
if (expected > 0 && total > expected) console.log(`${total} tests ran: raise tests/expected-count from ${expected}.`);

if (failed === 0 && runs.some((run) => run.code !== 0 || !run.total)) failed = 1;
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);
