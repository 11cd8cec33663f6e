// What the page's new figures measure, in Node: recall, the kernel, the machine.
import assert from 'node:assert';
import { suite } from 'uvu';
import { measureKernel } from '../demo/measure/kernel.js';
import { firstInputs, dim, readBack, runMachine, sameKeyBefore, storeTwice } from '../demo/measure/machine.js';
import { featureMaps } from '../demo/measure/maps.js';
import { measureAges, measureRecall } from '../demo/measure/recall.js';
import { createAttention } from '../web/index.js';

const page = suite('demo page: measures');
let attention;
page.before(async () => (attention = await createAttention({ build: 'simd' })));
page.after(() => attention.dispose());

const recall = (memory, options) => measureRecall(attention, { memory, dim: 64, features: 256, overwritten: 0, decay: 0.98, seed: 1, pairs: 128, ...options }).recalled;

page('twice as many pairs as dimensions: sums, taylor and softmax recall, elu does not, delta and favor half', () => {
  const memory = attention.memory;
  for (const all of ['taylor', 'softmax']) assert.ok(recall(all) > 0.99, all);
  assert.ok(recall('sum') > 0.94);
  assert.ok(recall('elu') < 0.06);
  for (const half of ['delta', 'favor']) assert.ok(Math.abs(recall(half) - 0.5) < 0.12, `${half}: ${recall(half)}`);
  assert.equal(attention.memory, memory);
});

page('with overwritten keys delta wins, and without any every memory recalls four pairs but the smallest', () => {
  const at = (memory) => recall(memory, { pairs: 64, overwritten: 50 });
  for (const other of ['sum', 'softmax', 'taylor', 'dpfp', 'favor', 'elu']) assert.ok(at('delta') > at(other) + 0.3, other);
  for (const memory of ['sum', 'decay', 'delta', 'dpfp', 'taylor', 'softmax']) assert.equal(recall(memory, { pairs: 4 }), 1, memory);
});

page('decay forgets by age, sums do not', () => {
  const ages = (memory) => measureAges(attention, { memory, dim: 64, features: 256, overwritten: 0, decay: 0.95, seed: 1, pairs: 128 }).map((row) => row.recalled);
  const [sum, decay] = [ages('sum'), ages('decay')];
  assert.equal(decay.length, 8);
  assert.ok(decay[0] > 0.95 && decay[7] < 0.1, `${decay}`);
  assert.ok(Math.min(...sum) > 0.9, `${sum}`);
});

page('the products of a query sum to what its exponentials sum to', () => {
  for (const featureMap of featureMaps) {
    const { rows, features, curves, weightError } = measureKernel(attention, { featureMap, features: 64, dim: 16, norm: 1, seed: 2 });
    const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
    assert.ok(Math.abs(sum('linear') / sum('exact') - 1) < 1e-3, `${featureMap}: ${sum('linear')} and ${sum('exact')}`);
    assert.ok(features > 0 && curves.length > 0 && curves.every((curve) => curve.every(Number.isFinite)), featureMap);
    assert.ok(weightError > 0, featureMap);
  }
});

page('the products of a token, added up, are the state', () => {
  const inputs = firstInputs();
  for (const rule of ['sum', 'decay', 'delta']) {
    const steps = runMachine(attention, { ...inputs, rule, decay: 0.5, beta: 0.8 });
    const S = new Float64Array(dim * dim);
    for (const { product, S: state, old } of steps) {
      assert.ok(old.every(Number.isFinite));
      for (let i = 0; i < S.length; i++) {
        S[i] = (rule === 'decay' ? 0.5 : 1) * S[i] + product[i];
        assert.ok(Math.abs(S[i] - state[i]) < 1e-5, rule);
      }
    }
  }
});

page('delta gives back the newer value of a key, and equal keys are found', () => {
  const { q, k, v } = firstInputs();
  assert.equal(sameKeyBefore(k, 5), 1);
  assert.equal(sameKeyBefore(k, 4), -1);
  const other = k.with(5 * dim, 9);
  assert.equal(sameKeyBefore(other, 5), -1);
  assert.deepEqual(storeTwice(other), k);
  const { S, key } = runMachine(attention, { q, k, v, rule: 'delta', decay: 1, beta: 1 })[5];
  readBack(S, key).forEach((value, i) => assert.ok(Math.abs(value - v[5 * dim + i]) < 1e-5));
});

page.run();
