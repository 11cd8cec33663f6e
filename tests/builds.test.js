/** What two builds owe each other: a state saved by one is restored by the other, and they round alike. */
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { createAttention } from '../web/index.js';
import { mapCases } from './suites/map_cases.js';
import { savedState } from './suites/saved_state.js';
import { assertSame } from './tolerance.js';
import { inputs } from './util.js';

const wasm = await readFile(new URL('../web/dist/scalar.wasm', import.meta.url));
const simd = () => createAttention();
const scalar = () => createAttention({ wasm });

savedState('saved by simd, restored by scalar', simd, scalar);
savedState('saved by scalar, restored by simd', scalar, simd);

const test = suite('simd against scalar');

test('the same bits', async () => {
  const [one, two] = [await simd(), await scalar()];
  const qkv = Object.values(inputs({ batch: 2, heads: 4, kvHeads: 2, T: 200, dim: 33, valueDim: 20 }));
  for (const causal of [false, true]) {
    assertSame(one.softmax(...qkv, { causal }), two.softmax(...qkv, { causal }), 'softmax');
    for (const featureMap of ['elu', 'relu', 'identity']) {
      const options = { causal, featureMap, normalize: featureMap !== 'identity' };
      assertSame(one.linear(...qkv, options), two.linear(...qkv, options), featureMap);
    }
  }
  const x = inputs({ heads: 3, T: 23, dim: 33 }).q;
  for (const { title, mapName, build } of mapCases) {
    const [mine, other] = [one, two].map((attention) => attention.featureMap(mapName, { dim: 33, ...build(33).options }));
    for (const as of ['query', 'key']) assertSame(mine.apply(x, { as }), other.apply(x, { as }), title);
  }
  const drawn = [one, two].map((attention) => attention.featureMap('favor', { dim: 33, features: 70, heads: 3, seed: 9 }));
  assertSame(drawn[0].apply(x), drawn[1].apply(x), 'a drawn map');
  for (const attention of [one, two]) attention.dispose();
});

test.run();
