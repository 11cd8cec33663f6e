// Random calls against the float64 oracle: `npm run fuzz -- --help`.
import { parseArgs } from 'node:util';
import { randomCases } from './generate/pairs.js';
import { openInstances, runCase } from './generate/run_case.js';
import { parseCase, rerun, shrinkCase } from './generate/shrink.js';

const usage = `npm run fuzz -- [options]

  --cases N    so many random cases over all axes (1000); a failure is shrunk to a line that runs it again
  --seed S     of the cases (1)
  --case TEXT  one case instead, as such a line says: 'map=favor dim=7 …'
  --native     the C core under sanitizers instead; has options of its own`;

const options = { cases: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' }, case: { type: 'string' }, help: { type: 'boolean' } };
const { values } = parseArgs({ options });
if (values.help) {
  console.log(usage);
  process.exit();
}
const [count, seed] = [Number(values.cases), Number(values.seed)];
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) throw new RangeError('--cases and --seed take integers');

const instances = await openInstances();
const run = (one) => runCase(one, instances);
const cases = values.case === undefined ? randomCases(count, seed) : [parseCase(values.case)];
let failures = 0;
for (const one of cases) {
  try {
    await run(one);
  } catch (error) {
    failures++;
    const small = values.case === undefined ? await shrinkCase(one, run) : { one, error };
    console.log(`${(small.error ?? error).stack}\n${rerun(one)}\n${rerun(small.one)}\n`);
  }
}
await instances.close();
console.log(`${cases.length} cases, ${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
