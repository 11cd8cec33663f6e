/** Makes one mistake at a time in a scratch copy and sees whether the tests notice. `npm run mutate -- --help` */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { closestTo, describe, mutants } from './mutants.js';
import { runSuite } from './suites.js';
import { baselineFile, builtFor, change, copyTree, restore, resultsFile, tree } from './tree.js';

const usage = `npm run mutate [-- word ...] [--resume] [--quick]

Makes one change at a time out of ${mutants.length}, or of those whose file or text contains a word; builds what it is in at -O1 and runs
the tests that should notice, until the first that fails. Survivors are listed at the end; the exit status is 1 where more
than one in twenty survive. Results are kept in .cache/mutate/results.jsonl as they come.

  --resume   leave out what was killed already: go on where a run was cut off, or judge the survivors of the last one;
             with --quick those too are left out
  --quick    of the suites of a build only those closest to the change: what survives has yet to face the others`;

/** A change whose tests hang, where unchanged ones do not, is judged so often before it is called unclear. */
const ATTEMPTS = 3;

const minutes = (since) => (performance.now() - since) / 60_000;

/** By description, the last result of each change. */
async function readResults() {
  const lines = (await readFile(resultsFile, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  return new Map(lines.map((line) => JSON.parse(line)).map((result) => [result.mutant, result]));
}

/** What tests and their costs depend on. */
async function fingerprint() {
  const hash = createHash('sha256');
  for (const folder of ['src', 'web', 'tests']) {
    for (const name of (await readdir(join(tree, folder), { recursive: true })).sort()) {
      if (!/\.([chj]s?|json|wasm|bin)$/.test(name) || name.startsWith('mutate')) continue;
      hash.update(name).update(await readFile(join(tree, folder, name)));
    }
  }
  return hash.digest('hex');
}

/** A function that measures, once, what a suite costs: tests must pass before anything is changed, or they would notice nothing by failing. */
async function measurer() {
  const now = await fingerprint();
  const kept = JSON.parse(await readFile(baselineFile, 'utf8').catch(() => '{}'));
  const costs = kept.fingerprint === now ? kept.costs : {};
  return async (suite, { name }) => {
    const key = `${name} ${suite}`;
    if (!costs[key]) {
      const { passed, output, seconds, slowest, times } = await runSuite(suite);
      if (!passed) throw new Error(`${suite} fails without any change:\n${output.slice(-3000)}`);
      console.log(`${suite} takes ${seconds.toFixed(0)} s`);
      costs[key] = { seconds, slowest, times };
      await writeFile(baselineFile, JSON.stringify({ fingerprint: now, costs }));
    }
    return costs[key];
  };
}

/** { verdict, by }: 'killed', 'survived', 'does not compile', or 'unclear' where tests hang that hang unchanged as well. */
async function judge(mutant, costOf, choice, attempt = 1) {
  for (const suite of mutant.suites) {
    const target = await builtFor(mutant.file, suite);
    const cost = await costOf(suite, target);
    let outcome;
    try {
      await change(mutant);
      if (!(await target.build(mutant.file))) return { verdict: 'does not compile' };
      outcome = await runSuite(suite, cost, { ...choice, closest: closestTo(mutant.file) });
    } finally {
      await restore(mutant);
      await target.restore();
    }
    if (outcome.passed) continue;
    if (outcome.isBroken) return { verdict: 'does not compile' };
    if (!outcome.hangs) return { verdict: 'killed', by: outcome.by };
    // A hang counts only where the same tests, unchanged and straight after it, pass in less time: then it was not the machine that had none for them.
    const control = await runSuite(suite, cost);
    if (control.passed && control.seconds < outcome.seconds) return { verdict: 'killed', by: `${suite} hangs` };
    return attempt < ATTEMPTS ? judge(mutant, costOf, choice, attempt + 1) : { verdict: 'unclear' };
  }
  return { verdict: 'survived' };
}

function report(chosen, results, began) {
  const of = (verdict) => chosen.filter((mutant) => results.get(describe(mutant))?.verdict === verdict);
  const survivors = chosen.filter((mutant) => results.get(describe(mutant))?.verdict !== 'killed');
  console.log(`\n${of('killed').length} of ${chosen.length} killed, in ${minutes(began).toFixed(1)} minutes`);
  for (const mutant of survivors) {
    console.log(`${mutant.equivalent ? 'explained' : results.get(describe(mutant)).verdict}: ${describe(mutant)} (${mutant.equivalent ?? mutant.suites.join(', ')})`);
  }
  if (survivors.length > chosen.length / 20) process.exitCode = 1;
}

async function main() {
  const { values, positionals: words } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' }, resume: { type: 'boolean' }, quick: { type: 'boolean' } } });
  if (values.help) return console.log(usage);
  const chosen = mutants.filter((mutant) => words.length === 0 || words.some((word) => describe(mutant).includes(word)));
  if (chosen.length === 0) throw new Error('No change matches.');
  const began = performance.now();
  await mkdir(dirname(resultsFile), { recursive: true });
  const results = await readResults();
  const done = values.quick ? ['killed', 'survived'] : ['killed'];
  const isDone = (mutant) => values.resume && done.includes(results.get(describe(mutant))?.verdict);
  const left = chosen.filter((mutant) => !isDone(mutant) && !mutant.equivalent);
  await copyTree();
  const costOf = await measurer();
  for (const mutant of left) {
    const start = performance.now();
    const { verdict, by } = await judge(mutant, costOf, { before: results.get(describe(mutant))?.by, isQuick: values.quick });
    const result = { mutant: describe(mutant), verdict, by, isQuick: values.quick, minutes: minutes(start) };
    results.set(result.mutant, result);
    await appendFile(resultsFile, `${JSON.stringify(result)}\n`);
    console.log(`${verdict.padEnd(9)} ${result.mutant}${by ? `\n          by ${by}` : ''} (${(result.minutes * 60).toFixed(0)} s)`);
  }
  report(chosen, results, began);
}

await main();
