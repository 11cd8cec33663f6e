// Calls over all axes in pairs, then at random, against the float64 oracle: see generate/axes.js for what is legal.
import assert from 'node:assert';
import { suite } from 'uvu';
import { AXES } from './generate/axes.js';
import { coverage, pairwiseCases, randomCases } from './generate/pairs.js';
import { openInstances, runCase } from './generate/run_case.js';
import { formatCase, parseCase, rerun, shrinkCase } from './generate/shrink.js';

const test = suite('pairs');
const pairwise = pairwiseCases(1);
const cases = [...pairwise, ...randomCases(600 - pairwise.length, 2)];
let instances;
test.before(async () => (instances = await openInstances()));
test.after(() => instances.close());

test('every legal pair of values of different axes occurs', () => {
  const { text, covered, legal } = coverage(cases);
  console.log(`\nPairs that occur / legal pairs\n${text}\n${cases.length} cases, ${covered} of ${legal} pairs`);
  assert.equal(covered, legal);
  assert.ok(legal > 5000 && cases.length >= 600);
});

test('a case reads back from its line', () => {
  for (const one of cases) assert.deepEqual(parseCase(formatCase(one)), one);
});

for (const map of AXES.map) {
  test(`${map}: every case is as the oracle says`, async () => {
    const failed = [];
    for (const one of cases.filter((each) => each.map === map)) {
      await runCase(one, instances).catch((error) => failed.push({ one, error }));
    }
    if (failed.length === 0) return;
    const small = await shrinkCase(failed[0].one, (one) => runCase(one, instances));
    const told = small.error ?? failed[0].error;
    const others = failed.slice(1, 6).map(({ one, error }) => `${error.message}\n  ${rerun(one)}`);
    throw new Error([`${failed.length} cases fail. The smallest: ${told.message}`, `  ${rerun(small.one)}`, ...others].join('\n'));
  });
}

test.run();
