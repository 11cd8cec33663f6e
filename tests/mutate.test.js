/** The rules of `npm run mutate`: each still fits the sources, and names tests that are there. */
import assert from 'node:assert';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { closestTo, describe, mutants, mutate } from './mutate/mutants.js';
import { allPassed } from './mutate/suites.js';
import { sanitizers } from './native/build.js';
import { targetNames } from './native/fuzz.js';
import { titles } from './suites/index.js';

const test = suite('mutants');
const root = new URL('../', import.meta.url);

test('every change fits its file exactly once and changes it', async () => {
  for (const mutant of mutants) {
    const source = await readFile(new URL(mutant.file, root), 'utf8');
    assert.notEqual(mutate(source, mutant), source, describe(mutant));
  }
});

test('there are sixty or more, no two alike, and each names the tests that must notice', async () => {
  assert.ok(mutants.length >= 60, `${mutants.length}`);
  assert.equal(new Set(mutants.map(describe)).size, mutants.length);
  const natives = (await Promise.all(Object.keys(sanitizers).map(async (kind) => (await targetNames(kind)).map((name) => `native ${kind} ${name}`)))).flat();
  for (const mutant of mutants) {
    assert.ok(mutant.suites.length > 0, describe(mutant));
    for (const name of mutant.suites) assert.ok(natives.includes(name) || existsSync(new URL(`tests/${name}.test.js`, root)), `${name} of ${describe(mutant)}`);
  }
});

test('the suites that are said to be closest to a file are there', () => {
  for (const { file } of mutants) for (const title of closestTo(file)) assert.ok(titles.includes(title), `'${title}', of ${file}`);
});

test('a change that fits nowhere, or twice, is an error', () => {
  const mutant = { file: 'a.c', find: 'x', replace: 'y', suites: ['simd'] };
  for (const source of ['', 'x x']) assert.throws(() => mutate(source, mutant), /a\.c must hold this once/);
  assert.equal(mutate('a x b', mutant), 'a y b');
});

test('tests passed where there are some and as many as there are passed', () => {
  const counts = (total, passed) => `  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   0\n`;
  assert.ok(allPassed(counts(12, 12)));
  for (const output of ['', counts(0, 0), counts(12, 2), counts(12, 1), counts(1, 12)]) assert.ok(!allPassed(output), output);
});

test.run();
