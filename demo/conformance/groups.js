// The groups of checks: the library's own suites as they are, and the bits of many results.
import { digests } from '../../tests/engines/digests.js';
import { onComparison } from '../../tests/tolerance.js';
import { portable } from '../../tests/suites/portable.js';
import { takeSuites } from './stand_ins/uvu.js';

export const titles = [...Object.keys(portable), 'bits'];

/** Of several comparisons the one with the largest part of its bound. */
function keepWorst() {
  let worst = null;
  onComparison((one) => {
    if (!worst || one.error * worst.bound > worst.error * one.bound) worst = one;
  });
  return () => worst;
}

async function runHooks(hooks) {
  for (const hook of hooks) await hook();
}

/** { passed, failures } of tests. */
async function runTests(tests) {
  const failures = [];
  for (const { title, body } of tests) {
    try {
      await body();
    } catch (error) {
      failures.push({ title, message: String(error?.message ?? error) });
    }
  }
  return { passed: tests.length - failures.length, failures };
}

async function runSuite(title, make) {
  portable[title](title, make);
  const [{ tests, hooks }] = takeSuites();
  const worst = keepWorst();
  try {
    await runHooks(hooks.before);
  } catch (error) {
    return { passed: 0, failures: [{ title: 'the instance is made', message: String(error.message) }], worst: null };
  }
  const result = await runTests(tests);
  await runHooks(hooks.after);
  return { ...result, worst: worst() };
}

/** Whether each result has the bits that were recorded. */
async function compareBits(make, recorded) {
  let actual;
  try {
    const attention = await make();
    actual = digests(attention);
    attention.dispose();
  } catch (error) {
    return { passed: 0, failures: [{ title: 'the results', message: String(error.message) }], worst: null };
  }
  const failures = Object.keys(recorded)
    .filter((title) => actual[title] !== recorded[title])
    .map((title) => ({ title, message: `${actual[title]}, expected ${recorded[title]}` }));
  return { passed: Object.keys(recorded).length - failures.length, failures, worst: null };
}

/** { passed, failures, worst } of a group on a build; null where the group says nothing about the build. */
export async function runGroup(title, { bits, make }, recorded) {
  if (title !== 'bits') return runSuite(title, make);
  return bits ? compareBits(make, recorded[bits]) : null;
}
