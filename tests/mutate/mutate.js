/** Makes one mistake at a time in a scratch copy and sees whether the tests notice. `npm run mutate -- --help` */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hasRelaxedSimd } from '../../web/core/load.js';
import { describe, mutants, mutate } from './mutants.js';

const usage = `npm run mutate [-- word ...] [--first N] [--count N]

Changes one line, builds what it is in at -O1, and runs the tests that should notice, for each of ${mutants.length} changes, or those
whose file or text contains a word. Survivors are listed at the end; the exit status is 1 where more than one in twenty survive.`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = join(root, '.cache/mutate');
/** Milliseconds after which tests hang, as some mistakes make them. */
const PATIENCE = 600_000;
const relaxedSimd = hasRelaxedSimd() ? [] : ['--experimental-wasm-relaxed-simd'];

/** Resolves to whether the command ended well, and what it printed. */
function run(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: scratch, timeout: PATIENCE, killSignal: 'SIGKILL', maxBuffer: 1 << 28 }, (error, stdout, stderr) => resolve({ well: !error, output: stdout + stderr }));
  });
}

async function copySources() {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const kept = (path) => !/node_modules|\.cache/.test(path.slice(root.length));
  for (const name of ['src', 'web', 'tests', 'demo', 'build.sh', 'package.json', 'package-lock.json', 'README.md', 'CHANGELOG.md', 'LICENSE', '.clang-tidy']) {
    await cp(join(root, name), join(scratch, name), { recursive: true, filter: kept });
  }
  await symlink(join(root, 'node_modules'), join(scratch, 'node_modules'));
}

const build = (module) => run('./build.sh', ['module', module, '-O1']);

/** Whether these test files pass. */
async function pass(suites) {
  const pattern = `^(${suites.join('|')})\\.test\\.js$`;
  const { well, output } = await run(process.execPath, [...relaxedSimd, 'node_modules/uvu/bin.js', 'tests', pattern, '--bail', '--no-color']);
  return { passed: well && /^ *Passed: +[1-9]/m.test(output), output };
}

/** Puts the sources as the change has them, or as they are; builds what that asks for. */
async function arrange(mutant, changed) {
  const source = await readFile(join(root, mutant.file), 'utf8');
  await writeFile(join(scratch, mutant.file), changed ? mutate(source, mutant) : source);
}

const moduleOf = (mutant) => (mutant.file.startsWith('src/') ? (mutant.module ?? 'simd') : null);

/** 'killed', 'survived', or 'does not compile'. */
async function judge(mutant) {
  const module = moduleOf(mutant);
  await arrange(mutant, true);
  try {
    if (module && !(await build(module)).well) return 'does not compile';
    for (const name of mutant.suites) if (!(await pass([name])).passed) return 'killed';
    return 'survived';
  } finally {
    await arrange(mutant, false);
  }
}

/** The tests must pass before anything is changed, or they would notice nothing by failing. */
async function checkBaseline(chosen) {
  const suites = [...new Set(chosen.flatMap((mutant) => mutant.suites))];
  for (const name of suites) {
    const { passed, output } = await pass([name]);
    if (!passed) throw new Error(`tests/${name}.test.js fails without any change:\n${output.slice(-3000)}`);
  }
}

async function main() {
  const { values, positionals: words } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' }, first: { type: 'string', default: '0' }, count: { type: 'string', default: '1000' } } });
  if (values.help) return console.log(usage);
  const matching = mutants.filter((mutant) => words.length === 0 || words.some((word) => describe(mutant).includes(word)));
  const chosen = matching.slice(Number(values.first), Number(values.first) + Number(values.count));
  if (chosen.length === 0) throw new Error('No change matches.');
  await copySources();
  const modules = [...new Set(chosen.map(moduleOf).filter(Boolean))];
  for (const module of modules) {
    const { well, output } = await build(module);
    if (!well) throw new Error(output);
  }
  await checkBaseline(chosen);
  const verdicts = new Map();
  let built = null;
  for (const mutant of chosen) {
    // A module that the change before was built into must be built as it was.
    if (built && built !== moduleOf(mutant)) await build(built);
    built = moduleOf(mutant);
    const verdict = await judge(mutant);
    verdicts.set(mutant, verdict);
    console.log(`${verdict.padEnd(9)} ${describe(mutant)}`);
  }
  const survivors = chosen.filter((mutant) => verdicts.get(mutant) !== 'killed');
  console.log(`\n${chosen.length - survivors.length} of ${chosen.length} killed`);
  for (const mutant of survivors) console.log(`${verdicts.get(mutant)}: ${describe(mutant)} (${mutant.suites.join(', ')})`);
  if (survivors.length > chosen.length / 20) process.exitCode = 1;
}

await main();
