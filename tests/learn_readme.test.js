/** The lines of web/README.md on gradients, as they stand. */
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import * as learn from '../web/learn.js';
import { attentionSuite } from './suites/harness.js';
import { assertClose } from './tolerance.js';
import { gaussian, inputs, joinTime, sliceTime } from './util.js';

const test = attentionSuite('learn: the README', () => learn.createAttention({ build: 'simd' }));
const readme = await readFile(new URL('../web/README.md', import.meta.url), 'utf8');
const blocks = [...readme.split('\n## Gradients\n')[1].split('\n## ')[0].matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code);

/** Runs lines, without the import, with these names; gives what they leave under the names `given`. */
function run(code, names, given) {
  const AsyncFunction = (async () => {}).constructor;
  const lines = code.replace(/^import .*\n/m, '');
  return new AsyncFunction(...Object.keys(names), `${lines}\nreturn { ${given} };`)(...Object.values(names));
}

test('a learned map comes nearer to what it should give', async () => {
  const { q, k, v } = inputs({ heads: 2, T: 40, dim: 16, valueDim: 4, make: gaussian, deviation: 0.5 });
  const start = gaussian([16, 32], 4, 0.2).data;
  let target;
  const createAttention = async () => {
    const made = await learn.createAttention({ build: 'simd' });
    target = made.softmax(q, k, v, { causal: true });
    return made;
  };
  const error = (attention, weights) => {
    const map = attention.featureMap('learned', { dim: 16, activation: 'exp', weights });
    const { data } = attention.linear(q, k, v, { featureMap: map, causal: true });
    map.dispose();
    return Math.sqrt(data.reduce((sum, x, i) => sum + (x - target.data[i]) ** 2, 0));
  };
  const names = { ...learn, createAttention, start, q, k, v, target: { get data() { return target.data; } } };
  const { attention, weights, optimizer } = await run(blocks[0], names, 'attention, weights, optimizer');
  const before = error(attention, { data: start, shape: [16, 32] });
  assert.ok(error(attention, weights) < 0.6 * before, `${error(attention, weights)} after, ${before} before`);
  for (const object of [optimizer, weights]) object.dispose();
  assert.equal(attention.memory, 0);
  attention.dispose();
});

test('two parts, with the gradient of the state carried back, are the whole', async (attention, keep) => {
  const whole = inputs({ heads: 2, T: 30, dim: 4, make: gaussian });
  const dOut = gaussian([1, 2, 30, 4], 4);
  const [q1, k1, v1, dOut1] = [whole.q, whole.k, whole.v, dOut].map((x) => sliceTime(x, 0, 13));
  const [q2, k2, v2, dOut2] = [whole.q, whole.k, whole.v, dOut].map((x) => sliceTime(x, 13, 30));
  const state = keep(attention.state({ heads: 2, dim: 4 }));
  const { early, late, before } = await run(blocks[1], { ...learn, attention, state, q1, k1, v1, dOut1, q2, k2, v2, dOut2 }, 'early, late, before');
  keep(before);
  const expected = learn.linearGradient(attention, whole.q, whole.k, whole.v, dOut, { causal: true });
  for (const name of ['dq', 'dk', 'dv']) assertClose(joinTime([early[name], late[name]]), expected[name], { rule: 'gradient', name });
});

test.run();
