/** All suites for one build: `runSuites('simd', () => createAttention())`. Adding one adds a line here, or to portable.js. */
import assert from 'node:assert';
import { attentionSuite } from './harness.js';
import { memory } from './memory.js';
import { portable } from './portable.js';
import { realm } from './realm.js';

const suites = { ...portable, memory, 'another realm': realm };

export const titles = Object.keys(suites);

/** The suites to run: those that tests/run.js was told to, or all of them. */
const chosen = JSON.parse(process.env.TEST_SUITES ?? 'null');

/** `make` resolves to a new instance; every one must run the named build on that many threads. */
export function runSuites(build, make, threads = 1) {
  const name = threads > 1 ? `${build}, ${threads} threads` : build;
  if (!chosen) runsBuild(name, build, make, threads);
  for (const title of chosen ?? titles) suites[title](`${name}: ${title}`, make);
}

function runsBuild(name, build, make, threads) {
  const test = attentionSuite(`${name}: build`, make);
  test(`runs the ${build} build on ${threads} of ${threads} threads`, (attention) => {
    assert.equal(attention.build, build);
    assert.equal(attention.threads, threads);
    assert.equal(attention.threadsReason, null);
  });
  test.run();
}
