/** All suites for one build: `runSuites('simd', () => createAttention())`. Adding a suite adds one line. */
import assert from 'node:assert';
import { cache } from './cache.js';
import { callArguments } from './call_arguments.js';
import { exp } from './exp.js';
import { gap } from './gap.js';
import { attentionSuite } from './harness.js';
import { lifetime } from './lifetime.js';
import { linear } from './linear.js';
import { memory } from './memory.js';
import { nn } from './nn.js';
import { objectArguments } from './object_arguments.js';
import { properties } from './properties.js';
import { savedState } from './saved_state.js';
import { softmax } from './softmax.js';
import { state } from './state.js';

const suites = {
  exp,
  softmax,
  linear,
  state,
  'saved state': savedState,
  cache,
  gap,
  properties,
  'arguments of calls': callArguments,
  'arguments of objects': objectArguments,
  lifetime,
  memory,
  nn,
};

/** `make` resolves to a new instance; every one must run the named build. */
export function runSuites(build, make) {
  const test = attentionSuite(`${build}: build`, make);
  test(`runs the ${build} build on one thread`, (attention) => {
    assert.equal(attention.build, build);
    assert.equal(attention.threads, 1);
  });
  test.run();
  for (const [title, suite] of Object.entries(suites)) suite(`${build}: ${title}`, make);
}
