/** What two builds owe each other: a state saved by one is restored by the other, and they round alike. */
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { createAttention } from '../web/index.js';
import { mapCases } from './suites/map_cases.js';
import { savedCache } from './suites/saved_cache.js';
import { savedState } from './suites/saved_state.js';
import { createThreaded } from './threaded.js';
import { assertClose, assertSame } from './tolerance.js';
import { inputs } from './util.js';

const wasm = await readFile(new URL('../web/dist/scalar.wasm', import.meta.url));
const simd = () => createAttention({ build: 'simd' });
const scalar = () => createAttention({ wasm });
const relaxed = () => createAttention({ build: 'relaxed' });

savedCache('cache saved by simd, restored by scalar', simd, scalar);
savedCache('cache saved by relaxed, restored by simd', relaxed, simd);
savedState('saved by simd, restored by scalar', simd, scalar);
savedState('saved by scalar, restored by simd', scalar, simd);
savedState('saved by relaxed, restored by simd', relaxed, simd);

const test = suite('one build against another');

/** Each kind of call on both instances: `compare(got, expected, rule, what)`. Disposes both. */
function forEachCall(one, two, compare) {
  const qkv = Object.values(inputs({ batch: 2, heads: 4, kvHeads: 2, T: 200, dim: 33, valueDim: 20 }));
  for (const causal of [false, true]) {
    compare(one.softmax(...qkv, { causal }), two.softmax(...qkv, { causal }), 'softmax', `softmax, causal ${causal}`);
    for (const featureMap of ['elu', 'relu', 'identity']) {
      const options = { causal, featureMap, normalize: featureMap !== 'identity' };
      compare(one.linear(...qkv, options), two.linear(...qkv, options), 'linear', `linear ${featureMap}, causal ${causal}`);
    }
  }
  const x = inputs({ heads: 3, T: 23, dim: 33 }).q;
  for (const { title, mapName, build } of mapCases) {
    const [mine, other] = [one, two].map((attention) => attention.featureMap(mapName, { dim: 33, ...build(33).options }));
    for (const as of ['query', 'key']) compare(mine.apply(x, { as }), other.apply(x, { as }), 'linear', title);
  }
  const drawn = [one, two].map((attention) => attention.featureMap('favor', { dim: 33, features: 70, heads: 3, seed: 9 }));
  compare(drawn[0].apply(x), drawn[1].apply(x), 'linear', 'a drawn map');
  for (const attention of [one, two]) attention.dispose();
}

test('simd and scalar: the same bits', async () => {
  forEachCall(await simd(), await scalar(), (got, expected, rule, what) => assertSame(got, expected, what));
});

test('relaxed and simd: the same numbers', async () => {
  forEachCall(await relaxed(), await simd(), (got, expected, rule, name) => assertClose(got, expected, { rule, name }));
});

for (const build of ['simd', 'relaxed']) {
  test(`${build}: the same bits on two threads and from run to run`, async () => {
    for (let run = 0; run < 5; run++) {
      forEachCall(await createThreaded(build, 2), await createThreaded(build, 2), (got, expected, rule, what) => assertSame(got, expected, what));
    }
  });
}

test.run();
