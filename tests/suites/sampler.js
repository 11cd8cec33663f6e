/** Sampling from logits by a seed. */
import assert from 'node:assert';
import { sampler } from '../../web/nn.js';
import * as oracle from '../oracle/nn.js';
import { gaussian, tensorOf } from '../util.js';
import { attentionSuite } from './harness.js';

export function samplerSuite(name, make) {
  const test = attentionSuite(name, make);

  test('sampler: PCG32, by the reference numbers of its author', (attention, keep) => {
    const reference = [0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e];
    const next = oracle.pcg32(42, 54);
    assert.deepEqual(reference.map(next), reference);
    // 4096 equal weights show the upper 12 bits.
    const draws = keep(sampler(attention, { seed: 42, stream: 54 }));
    const level = tensorOf([4096], () => 0);
    assert.deepEqual(reference.map(() => draws.sample(level)[0]), reference.map((bits) => bits >>> 20));
  });

  test('sampler: row i is stream + i, and reset begins anew', (attention, keep) => {
    const logits = gaussian([3, 50], 1);
    const together = keep(sampler(attention, { batch: 3, seed: 9, stream: 4 }));
    const first = Array.from({ length: 20 }, () => [...together.sample(logits)]);
    for (let i = 0; i < 3; i++) {
      const alone = keep(sampler(attention, { seed: 9, stream: 4 + i }));
      const row = { data: logits.data.subarray(i * 50, (i + 1) * 50), shape: [1, 50] };
      assert.deepEqual(Array.from({ length: 20 }, () => alone.sample(row)[0]), first.map((draw) => draw[i]));
    }
    together.reset();
    assert.deepEqual(Array.from({ length: 20 }, () => [...together.sample(logits)]), first);
  });

  test('sampler: frequencies follow softmax(logits / temperature)', (attention, keep) => {
    const logits = gaussian([7], 5);
    for (const temperature of [0.5, 1, 2]) {
      const draws = keep(sampler(attention, { seed: 1, temperature }));
      const weights = [...logits.data].map((x) => Math.exp(x / temperature));
      const total = weights.reduce((sum, x) => sum + x, 0);
      const counts = new Array(7).fill(0);
      for (let i = 0; i < 20000; i++) counts[draws.sample(logits)[0]]++;
      const chi2 = counts.reduce((sum, count, i) => sum + (count - (20000 * weights[i]) / total) ** 2 / ((20000 * weights[i]) / total), 0);
      assert.ok(chi2 < 22.5, `χ² ${chi2} at temperature ${temperature}`); // 0.1 % at 6 degrees of freedom
    }
  });

  test('sampler: small weights of many classes add up', (attention, keep) => {
    const [classes, rows] = [65536, 50];
    const draws = keep(sampler(attention, { batch: rows, seed: 1 }));
    const logits = { data: new Float32Array(rows * classes).fill(-16.7), shape: [rows, classes] };
    for (let row = 0; row < rows; row++) logits.data[row * classes] = 0;
    const drawn = Array.from({ length: 40 }, () => [...draws.sample(logits)]).flat();
    const small = drawn.filter((at) => at > 0);
    // Together they have 0.0037 of the weight: 7.3 of 2000 draws, and as good as never the last of them.
    assert.ok(small.length >= 2 && small.length <= 16, `${small.length} draws of small classes`);
    assert.ok(small.filter((at) => at === classes - 1).length <= 1, String(small));
  });

  test('sampler: the largest at temperature 0, the first of equals; −Infinity never; large logits do no harm', (attention, keep) => {
    const cold = keep(sampler(attention, { temperature: 0 }));
    assert.deepEqual([...cold.sample({ data: Float32Array.of(1, 3, -2, 3), shape: [4] })], [1]);
    const warm = keep(sampler(attention, { batch: 2 }));
    const logits = { data: Float32Array.of(-Infinity, 5000, -Infinity, -5000, -Infinity, -Infinity), shape: [2, 3] };
    for (let i = 0; i < 50; i++) assert.deepEqual([...warm.sample(logits)], [1, 0]);
  });

  test('sampler: rows that cannot be drawn from are refused, and use up nothing', (attention, keep) => {
    const [one, two] = [0, 1].map(() => keep(sampler(attention, { batch: 2, seed: 3 })));
    const good = gaussian([2, 9], 1);
    for (const bad of [NaN, Infinity, 'all −Infinity']) {
      const spoilt = good.data.slice();
      if (typeof bad === 'number') spoilt[12] = bad;
      else spoilt.fill(-Infinity, 9);
      assert.throws(() => one.sample({ data: spoilt, shape: [2, 9] }), RangeError);
    }
    for (let i = 0; i < 9; i++) assert.deepEqual([...one.sample(good)], [...two.sample(good)]);
  });

  test.run();
}
