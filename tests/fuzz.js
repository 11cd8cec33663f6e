// Random calls against the float64 oracle.
//
//   npm run fuzz -- --cases N --seed S      N cases over all axes; ends with a line per failure that reruns it
//   npm run fuzz -- --case 'map=favor dim=7 …'   one case, as such a line says
import { parseArgs } from 'node:util';
import { randomCases } from './generate/pairs.js';
import { openInstances, runCase } from './generate/run_case.js';
import { parseCase, rerun, shrinkCase } from './generate/shrink.js';

const { values } = parseArgs({ options: { cases: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' }, case: { type: 'string' } } });
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
