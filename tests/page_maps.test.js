// Files of learned maps in the page: what was learned is saved, loaded again, and a wrong file is refused by name.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { joinHeads, oneHead, readMaps, writeMaps } from '../demo/digits/linearize.js';
import { createModel, digitBuild } from '../demo/digits/model.js';
import { readHeldOut } from '../demo/learn/held_out.js';
import { createConvert, sweepConvert } from '../demo/measure/convert.js';
import { describeMaps, headCount } from '../demo/measure/learned.js';
import { createRemedy, levels, sweepRemedy } from '../demo/measure/remedy.js';
import { writeSafetensors } from '../web/nn.js';
import * as learn from '../web/learn.js';
import { near } from './util.js';

const page = suite('demo page: files of maps');
const options = { source: 'a trained model', layer: 2, head: '3', map: 'learned exp', features: 16, loss: 'outputs', digits: 1, steps: 10, seed: 0 };
let attention;
let digits;
const learner = async () => ({ distill: learn.distill, learn: attention });
page.before(async () => {
  attention = await learn.createAttention(digitBuild);
  const softmax = createModel(attention, await readFile(new URL('../demo/models/softmax.safetensors', import.meta.url)));
  const heldOut = readHeldOut(softmax.sizes.length);
  digits = { models: { softmax }, painted: heldOut.slice(0, 2), heldOut };
});
page.after(() => attention.dispose());

async function lastOf(reports) {
  let last;
  for await (const report of reports) last = { ...report, rows: [...report.rows] };
  return last;
}

/** What a bench of one head came to. */
async function remedy(chosen) {
  const bench = createRemedy(digits, learner)(attention, chosen);
  const last = await lastOf(sweepRemedy(bench, chosen));
  bench.dispose();
  return last;
}

/** Maps of so many heads, near the identity and different from one another. */
function someMaps(heads, { name = 'hedgehog', options: made = {}, dim = 32, columns = 8 } = {}) {
  const array = (shape) => ({ shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i * 1.7) / 3) });
  const weights = { weights: array([heads, dim, columns]), bias: array([heads, columns]), keyWeights: array([heads, dim, columns]), keyBias: array([heads, columns]) };
  return { name, options: made, weights };
}

page('one head: the file of what was learned gives the same weights and error when it is loaded', async () => {
  const learned = await remedy({ ...options, wanted: true });
  const held = describeMaps(attention, learned.file);
  assert.deepEqual(held, { map: 'learned exp', heads: 1, features: 16 });
  const loaded = await remedy({ ...options, loaded: { file: learned.file, ...held } });
  assert.deepEqual(loaded.learned, learned.learned);
  assert.deepEqual(loaded.file, learned.file);
  assert.equal(loaded.done, loaded.total);
  const { map, features, error } = loaded.rows.at(-1);
  assert.deepEqual([map, features, loaded.rows.length], ['learned exp', 16, levels.length + 2]);
  near(error, Math.min(...learned.rows.filter(({ step }) => step !== '').map((row) => row.error)), 1e-4);
});

page('a file of all heads has each head’s own map, and the maps of heads join to it', async () => {
  const all = someMaps(headCount);
  const heads = Array.from({ length: headCount }, (_, n) => oneHead(all, n));
  assert.deepEqual(joinHeads(heads), all);
  const [file, own] = [all, heads[1 * 4 + 2]].map(writeMaps);
  const [fromAll, fromOne] = await Promise.all([file, own].map((one) => remedy({ ...options, loaded: { file: one, ...describeMaps(attention, one) } })));
  assert.deepEqual(fromAll.learned, fromOne.learned);
  assert.deepEqual(fromAll.file, own);
  const other = await remedy({ ...options, head: '4', loaded: { file, ...describeMaps(attention, file) } });
  assert.notDeepEqual(other.file, own);
});

page('all heads: a loaded file is judged layer after layer, without learning, and leaves no memory behind', async () => {
  const file = writeMaps(someMaps(headCount));
  const before = attention.memory;
  const bench = createConvert(digits, () => assert.fail('nothing is learned'))(attention, options);
  const controller = new AbortController();
  let last;
  for await (last of sweepConvert(bench, { ...options, loaded: { file, ...describeMaps(attention, file) }, signal: controller.signal })) if (last.layer === 2) controller.abort();
  bench.dispose();
  const layers = last.rows.filter(({ layer }) => layer !== '');
  assert.deepEqual(layers.map(({ layer, before: first, map }) => [layer, first, map]), [[1, '', 'hedgehog'], [2, '', 'hedgehog']]);
  assert.ok(layers.every(({ error }) => error > 0.05 && error < 2), JSON.stringify(layers));
  assert.notEqual(layers[0].error, layers[1].error);
  assert.equal(last.file, file);
  assert.equal(attention.memory, before);
});

const tensors = (maps) => Object.fromEntries(Object.entries({ 'query.weight': 'weights', 'query.bias': 'bias', 'key.weight': 'keyWeights', 'key.bias': 'keyBias' }).map(([tensor, option]) => [tensor, maps.weights[option]]));
const spoilt = someMaps(1);
spoilt.weights.bias.data[3] = NaN;
const short = someMaps(1);
short.weights.keyBias = { data: new Float32Array(4), shape: [1, 4] };
const wrong = {
  'no safetensors': [new TextEncoder().encode('no maps at all, but a text'), /safetensors/],
  'an empty file': [new Uint8Array(), /safetensors/],
  'a model': [writeSafetensors({ tensors: { 'emb.weight': { data: new Float32Array(4), shape: [2, 2] } } }), /the maps do not say in their metadata what map they are/],
  'a tensor missing': [writeSafetensors({ tensors: { 'query.weight': { data: new Float32Array(4), shape: [2, 2] } }, metadata: { map: 'hedgehog' } }), /no tensor query\.bias/],
  'another map': [writeMaps({ ...someMaps(1), name: 'favor' }), /must be hedgehog or learned, got favor/],
  'options that are no object': [writeSafetensors({ tensors: tensors(someMaps(1)), metadata: { map: 'hedgehog', options: '{' } }), /options in the metadata .* must be an object as JSON, got \{/],
  'other heads': [writeMaps(someMaps(20)), /one head or of all 24, of dim 32, got 20 of dim 32/],
  'another dim': [writeMaps(someMaps(1, { dim: 16 })), /of dim 32, got 1 of dim 16/],
  'a number that is none': [writeMaps(spoilt), /query\.bias .* not finite/],
  'shapes that do not fit': [writeMaps(short), /keyBias/],
};
for (const [what, [file, message]] of Object.entries(wrong)) {
  page(`refused: ${what}`, () => {
    const before = attention.memory;
    assert.throws(() => describeMaps(attention, file), message);
    assert.equal(attention.memory, before);
  });
}

page('metadata says which map it is', () => {
  assert.equal(describeMaps(attention, writeMaps(someMaps(1, { name: 'learned' }))).map, 'learned relu');
  assert.equal(describeMaps(attention, writeMaps(someMaps(1, { name: 'learned', options: { activation: 'exp' } }))).map, 'learned exp');
  assert.deepEqual(readMaps(writeMaps(someMaps(2))).weights.bias.shape, [2, 8]);
});

page.run();
