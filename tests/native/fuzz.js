/** Fuzzing of the C core, natively: every public function under every sanitizer. `node tests/native/fuzz.js --help` */
import { spawn } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, cache, environment, root, sanitizers } from './build.js';

const usage = `node tests/native/fuzz.js [--seconds N] [--sanitizer NAME] [--target NAME] [FILE ...]

  --seconds N         how long in all (60), shared by the targets
  --sanitizer NAME    ${Object.keys(sanitizers).join(', ')}; without it all of them
  --target NAME       one of those in tests/native/main.c; without it all of them
  FILE                instead: runs the target on what a fuzzer has found before

What was found lies in .cache/native/faults, what covers the core in .cache/native/corpus.`;

/** The targets that tests/native/main.c lists; of a sanitizer those that it has the cores for. */
export async function targetNames(sanitizer) {
  const source = await readFile(join(root, 'tests/native/main.c'), 'utf8');
  const names = [...source.matchAll(/\{"(\w+)", target_/g)].map((match) => match[1]);
  const hasPool = !sanitizer || sanitizers[sanitizer].cores.includes('pooled');
  return names.filter((name) => hasPool || name !== 'pool');
}

/** xorshift32. */
function* numbersFrom(seed) {
  for (let x = (seed + 1) * 0x9e3779b1 | 1; ; ) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield x >>> 24;
  }
}

/** A folder of inputs that are the same everywhere: what the tests run, and what a fuzzer starts from. */
export async function seeds(count) {
  const folder = join(cache, `seeds-${count}`);
  await mkdir(folder, { recursive: true });
  for (let seed = 0; seed < count; seed++) {
    const numbers = numbersFrom(seed);
    for (let i = 0; i < 20; i++) numbers.next();
    await writeFile(join(folder, String(seed)), Uint8Array.from({ length: 256 }, () => numbers.next().value));
  }
  return folder;
}

/** Seconds beyond its time that a fuzzer may take, for what it starts from. */
const PATIENCE = 240;

/** Runs the fuzzer and resolves to how it ended, its output, and how many inputs it executed; the code is null where it was killed for standing still. */
async function runOnce(sanitizer, target, args, seconds, given) {
  const folder = given ?? (await build(sanitizer));
  const faults = join(cache, 'faults', `${sanitizer}-${target}-`);
  await mkdir(join(cache, 'faults'), { recursive: true });
  const child = spawn(join(folder, 'fuzzer'), ['-timeout=60', '-rss_limit_mb=0', '-print_final_stats=1', `-artifact_prefix=${faults}`, ...args], {
    env: { ...process.env, ...environment, NATIVE_TARGET: target, NATIVE_CORES: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: (seconds + PATIENCE) * 1000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-100_000)));
  const code = await new Promise((done, failed) => child.on('error', failed).on('close', done));
  return { code, output, executions: Number(/stat::number_of_executed_units: +(\d+)/.exec(output)?.[1] ?? 0) };
}

/**
 * The same, once more where it stands still: clang 14's thread sanitizer, whose threads then all wait for a lock of its own,
 * does so now and then, and its alarm is not heard. What stands still twice has failed. `folder` has the cores, where they are not those of build().
 */
export async function runFuzzer(sanitizer, target, args, seconds = 60, folder = undefined) {
  const first = await runOnce(sanitizer, target, args, seconds, folder);
  if (first.code !== null) return first;
  const second = await runOnce(sanitizer, target, args, seconds, folder);
  return second.code === null ? { ...second, output: `stood still for ${seconds + PATIENCE} seconds, twice\n${second.output}` } : second;
}

/**
 * Fuzzes for so many seconds in all and resolves to the runs that found something.
 * @param {{ seconds?: number, chosen?: { sanitizer?: string, target?: string }, say?: (line: string) => void }} options
 */
async function fuzzNative({ seconds = 60, chosen = {}, say = console.log } = {}) {
  const kinds = chosen.sanitizer ? [chosen.sanitizer] : Object.keys(sanitizers);
  const start = await seeds(200);
  const found = [];
  for (const kind of kinds) {
    say(`Building for the ${kind} sanitizer ...`);
    await build(kind);
  }
  const pairs = [];
  for (const sanitizer of kinds) for (const target of await targetNames(sanitizer)) if (!chosen.target || target === chosen.target) pairs.push({ sanitizer, target });
  const each = Math.max(1, Math.floor(seconds / Math.max(1, pairs.length)));
  for (const { sanitizer, target } of pairs) {
    const corpus = join(cache, 'corpus', target);
    await mkdir(corpus, { recursive: true });
    const { code, output, executions } = await runFuzzer(sanitizer, target, [`-max_total_time=${each}`, '-max_len=512', corpus, start], each);
    say(`${sanitizer.padEnd(8)} ${target.padEnd(16)} ${String(executions).padStart(9)} executions${code === 0 ? '' : '  FAILED'}`);
    if (code === 0) continue;
    say(output.split('\n').filter((line) => !/^#\d+/.test(line)).slice(-60).join('\n'));
    found.push({ sanitizer, target, output });
  }
  return found;
}

async function repeat({ sanitizer = 'address', target }, files) {
  for (const file of files) {
    const { code, output } = await runFuzzer(sanitizer, target, [resolve(file)]);
    console.log(`${file}: ${code === 0 ? 'passes' : 'FAILS'}\n${code === 0 ? '' : output}`);
    if (code !== 0) process.exitCode = 1;
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: 'string', default: '60' }, sanitizer: { type: 'string' }, target: { type: 'string' }, help: { type: 'boolean' } },
  });
  const seconds = Number(values.seconds);
  const names = await targetNames();
  if (values.help) return console.log(usage);
  if (!(seconds > 0) || (values.sanitizer && !sanitizers[values.sanitizer]) || (values.target && !names.includes(values.target)) || (positionals.length > 0 && !values.target)) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  if (positionals.length > 0) return repeat(values, positionals);
  const found = await fuzzNative({ seconds, chosen: values });
  if (found.length === 0) return;
  const faults = await readdir(join(cache, 'faults'));
  console.log(`${found.length} targets failed; what they failed on: ${faults.map((name) => relative(process.cwd(), join(cache, 'faults', name))).join(' ')}`);
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
