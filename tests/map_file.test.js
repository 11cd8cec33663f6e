/** Weights of a feature map through a safetensors file, by the lines of web/README.md as they stand. */
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { createAttention } from '../web/index.js';
import * as nn from '../web/nn.js';
import { attentionSuite } from './suites/harness.js';
import { assertSame } from './tolerance.js';
import { gaussian } from './util.js';

const test = attentionSuite('a map in a file', () => createAttention({ build: 'simd' }));

/** The section's lines as a function of what they use, which gives { file, again }. */
async function readLines() {
  const readme = await readFile(new URL('../web/README.md', import.meta.url), 'utf8');
  const [, code] = readme.split("## A map's weights in a file\n")[1].match(/```js\n([^]*?)```/);
  const [, names, lines] = code.match(/^import \{ (.*) \} from 'linear-attention-wasm\/nn';\n([^]*)$/);
  const run = new Function('attention', 'map', ...names.split(', '), `${lines}\nreturn { file, again };`);
  return (attention, map) => run(attention, map, ...names.split(', ').map((name) => nn[name]));
}

test('written, read, and the same map', async (attention, keep) => {
  const lines = await readLines();
  const [heads, dim, columns] = [2, 16, 6];
  const given = { weights: gaussian([heads, dim, columns], 1), bias: gaussian([heads, columns], 2), keyWeights: gaussian([heads, dim, columns], 3), keyBias: gaussian([heads, columns], 4) };
  const map = keep(attention.featureMap('learned', { dim, activation: 'exp', ...given }));
  const { file, again } = lines(attention, map);
  keep(again);
  assert.deepEqual(again.save(), map.save());
  const shapes = Object.fromEntries([...nn.readSafetensors(file).tensors].map(([name, { dtype, shape }]) => [name, [dtype, ...shape]]));
  assert.deepEqual(shapes, { 'query.weight': ['F32', heads, dim, columns], 'query.bias': ['F32', heads, columns], 'key.weight': ['F32', heads, dim, columns], 'key.bias': ['F32', heads, columns] });
  const x = gaussian([heads, 5, dim], 5);
  for (const as of ['query', 'key']) assertSame(again.apply(x, { as }), map.apply(x, { as }));
});

test.run();
