/** All suites for one build: `runSuites('simd', () => createAttention())`. Adding a suite adds one line. */
import assert from 'node:assert';
import { cache } from './cache.js';
import { callArguments } from './call_arguments.js';
import { exp } from './exp.js';
import { foreign } from './foreign.js';
import { featureMaps } from './feature_maps.js';
import { family } from './family.js';
import { gap } from './gap.js';
import { given } from './given.js';
import { attentionSuite } from './harness.js';
import { heads } from './heads.js';
import { lifetime } from './lifetime.js';
import { linear } from './linear.js';
import { long } from './long.js';
import { longGates } from './long_gates.js';
import { longMaps } from './long_maps.js';
import { longSoftmax } from './long_softmax.js';
import { mapArguments } from './map_arguments.js';
import { memory } from './memory.js';
import { nn } from './nn.js';
import { objectArguments } from './object_arguments.js';
import { onnx } from './onnx.js';
import { packed } from './packed.js';
import { pieces } from './pieces.js';
import { presets } from './presets.js';
import { properties } from './properties.js';
import { ratio } from './ratio.js';
import { savedState } from './saved_state.js';
import { scaled } from './scaled.js';
import { sizes } from './sizes.js';
import { softmax } from './softmax.js';
import { state } from './state.js';

const suites = {
  exp,
  'feature maps': featureMaps,
  softmax,
  'long softmax': longSoftmax,
  linear,
  long,
  'long, every map': longMaps,
  'long, gates': longGates,
  family,
  heads,
  sizes,
  scaled,
  ratio,
  packed,
  pieces,
  presets,
  onnx,
  state,
  'saved state': savedState,
  'what is given': given,
  'tensors of other libraries': foreign,
  cache,
  gap,
  properties,
  'arguments of calls': callArguments,
  'arguments of objects': objectArguments,
  'arguments of maps': mapArguments,
  lifetime,
  memory,
  nn,
};

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
