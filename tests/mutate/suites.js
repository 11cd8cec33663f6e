/** Runs what should notice a change: a test file in the scratch copy until its first failure, or a native target. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { hasRelaxedSimd } from '../../web/core/load.js';
import { runFuzzer, seeds, targetNames } from '../native/fuzz.js';
import { root } from '../native/build.js';
import { titles } from '../suites/index.js';
import { tree } from './tree.js';

const relaxedSimd = hasRelaxedSimd() ? [] : ['--experimental-wasm-relaxed-simd'];
const cores = join(root, '.cache/mutate/native');

/** Seconds without the end of a test after which tests hang, as some changes make them: these, and four times what the slowest takes. */
const PATIENCE = 120;

/** A test file that runs the suites of tests/suites, of which those that are cheap come first. */
const isOfBuild = (name) => /^(simd|scalar|relaxed)(-threads)?$/.test(name);

/** A hook that throws after a failed test ends its suite without a word of it, and uvu with 0: only uvu's counts tell. */
export const allPassed = (output) => /^ *Total: +([1-9]\d*)\n *Passed: +\1$/m.test(output);

/**
 * `chosen`: the suites of a build, in this order. `slowest`: seconds that its slowest test takes.
 * @returns {Promise<{ passed: boolean, hangs: boolean, by: string, seconds: number, slowest: number, times: object }>} `by` what
 *   failed, `times` the seconds of each suite
 */
async function runFile(name, chosen, slowest) {
  const began = performance.now();
  const since = (time) => (performance.now() - time) / 1000;
  const env = { ...process.env, TEST_LEARN: 'learn', ...(chosen.length > 0 ? { TEST_SUITES: JSON.stringify(chosen) } : {}) };
  const child = spawn(process.execPath, [...relaxedSimd, 'node_modules/uvu/bin.js', 'tests', `^${name}\\.test\\.js$`, '--no-color'], { cwd: tree, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const found = { hangs: false, slowest: 0, times: {} };
  let [output, read, heard, suiteBegan] = ['', 0, began, began];
  let alarm;
  const listen = () => {
    clearTimeout(alarm);
    alarm = setTimeout(() => {
      found.hangs = true;
      child.kill('SIGKILL');
    }, (PATIENCE + 4 * slowest) * 1000);
    found.slowest = Math.max(found.slowest, since(heard));
    heard = performance.now();
  };
  listen();
  child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
  child.stdout.setEncoding('utf8').on('data', (text) => {
    listen();
    output += text;
    const unread = output.slice(read);
    // uvu ends with the suite in which a test failed; here the first such test is enough.
    const failure = /^ ?(\S.*?) +([• ]*)✘/m.exec(unread);
    if (failure) {
      found.by = `${failure[1]}: test ${failure[2].replaceAll(' ', '').length + 1}`;
      child.kill('SIGKILL');
      return;
    }
    for (const [, title] of unread.matchAll(/^ ?(\S.*?) +[•✘ ]*\(\d+ \/ \d+\)$/gm)) {
      found.times[title.replace(/^.*?: /, '')] = since(suiteBegan);
      suiteBegan = performance.now();
    }
    read = output.lastIndexOf('\n') + 1;
  });
  const [code, signal] = await new Promise((resolve, reject) => child.on('error', reject).on('close', (...how) => resolve(how)));
  clearTimeout(alarm);
  if (['SIGTERM', 'SIGKILL'].includes(signal) && !found.hangs && found.by === undefined) throw new Error(`${name} was ended by ${signal}`);
  const passed = found.by === undefined && code === 0 && allPassed(output);
  const isBroken = /^SyntaxError: /m.test(output);
  return { by: `${name}: ${output.trimEnd().split('\n').at(-1).slice(0, 120)}`, ...found, passed, isBroken, output, seconds: since(began) };
}

/** Runs a native target, or all of a sanitizer's, on the inputs that npm test has. */
async function runNative(suite) {
  const began = performance.now();
  const [, sanitizer, target] = suite.split(' ');
  const folder = join(cores, sanitizer);
  for (const name of target ? [target] : await targetNames(sanitizer)) {
    const { code, output } = await runFuzzer(sanitizer, name, ['-runs=0', `-artifact_prefix=${folder}/`, await seeds(40)], 60, folder);
    if (code !== 0) return { passed: false, hangs: code === null, by: `native ${sanitizer} ${name}`, output, seconds: (performance.now() - began) / 1000 };
  }
  return { passed: true, hangs: false, seconds: (performance.now() - began) / 1000, slowest: 0, times: {} };
}

/**
 * Runs one; the suites of a build: first the one that noticed this change before, then `closest`, then by what they cost when
 * nothing was changed; where `isQuick` not these.
 */
export function runSuite(suite, cost = {}, { closest = [], before = '', isQuick = false } = {}) {
  if (suite.startsWith('native ')) return runNative(suite);
  const costOf = (title) => cost.times?.[title] ?? Infinity;
  const ordered = isOfBuild(suite) ? titles.toSorted((a, b) => costOf(a) - costOf(b) || 0) : [];
  const noticed = ordered.filter((title) => before.includes(`: ${title}: `));
  const others = isQuick && closest.length > 0 ? [] : ordered;
  return runFile(suite, ordered.length > 0 ? [...new Set([...noticed, ...closest, ...others])] : [], cost.slowest ?? 60);
}
