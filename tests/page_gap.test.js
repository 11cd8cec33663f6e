// The gap of the page in Node: slices add up to what attention.gap says, and the baselines are what they claim to be.
import assert from 'node:assert';
import { suite } from 'uvu';
import { combineHeads, headOf, measureHead, measureRank, rankedLengths, windowAnswers, windowName, windowOf } from '../demo/measure/baselines.js';
import { measureGap } from '../demo/measure/gap.js';
import { overSeeds, sweepGapPage } from '../demo/measure/gap_page.js';
import { featureMaps, featuresOf } from '../demo/measure/maps.js';
import { rememberLast, sampleInputs } from '../demo/measure/random.js';
import { leftOver, squaredSingularValues } from '../demo/measure/singular_values.js';
import { createAttention } from '../web/index.js';
import { near } from './util.js';

const page = suite('demo page: gap');
let attention;
page.before(async () => (attention = await createAttention({ build: 'simd' })));
page.after(() => attention.dispose());
const sample = { seed: 4, heads: 2, length: 48, dim: 8, norm: 1, features: 32, maxLength: 48 };

page('singular values of a known matrix, of its transpose, and of one of low rank', () => {
  const values = Float64Array.from([0, 0, 3, 0, -2, 0, 0, 0, 0, 1, 0, 0]); // [3, 4], one entry a row and column
  for (const [given, rows, columns] of [[values, 3, 4], [Float64Array.from({ length: 12 }, (_, i) => values[(i % 3) * 4 + Math.floor(i / 3)]), 4, 3]]) {
    const squares = squaredSingularValues(given, rows, columns);
    [9, 4, 1].forEach((square, i) => near(squares[i], square, 1e-12));
    near(leftOver(squares, 1), 5, 1e-12);
    near(leftOver(squares, 9), 0, 1e-12);
  }
  const [rows, columns, rank] = [40, 25, 3];
  const { q } = sampleInputs({ seed: 1, heads: 1, length: rows + columns, dim: rank, norm: 1 });
  const product = Float64Array.from({ length: rows * columns }, (_, at) => {
    let sum = 0;
    for (let c = 0; c < rank; c++) sum += q.data[Math.floor(at / columns) * rank + c] * q.data[(rows + (at % columns)) * rank + c];
    return sum;
  });
  const squares = squaredSingularValues(product, rows, columns);
  near(leftOver(squares, 0), product.reduce((sum, value) => sum + value ** 2, 0), 1e-9);
  assert.ok(leftOver(squares, 2) > 1 && leftOver(squares, 3) < 1e-10 * leftOver(squares, 0), `${squares.slice(0, 5)}`);
});

page('heads one at a time are attention.gap of all, for every map, causal and not', () => {
  for (const causal of [false, true]) {
    for (const featureMap of featureMaps.filter((name) => name !== 'identity' && name !== 'rff')) {
      const whole = measureGap(attention, { ...sample, causal, featureMap });
      const sliced = combineHeads([0, 1].map((at) => measureHead(attention, { ...sample, causal, featureMap, at })));
      for (const [name, value] of Object.entries(sliced)) near(value, whole[name], 1e-4 * Math.max(1, Math.abs(whole[name])));
    }
  }
});

page('a window of everything is softmax, a causal one of 5 is softmax of the last 5', () => {
  const all = sampleInputs(sample);
  const one = { q: headOf(all.q, 1), k: headOf(all.k, 1), v: headOf(all.v, 1) };
  const compare = (answers, exact) => answers.forEach((value, i) => near(value, exact[i], 1e-5));
  for (const causal of [false, true]) compare(windowAnswers(one, { size: 48, causal }), attention.softmax(one.q, one.k, one.v, { causal }).data);
  const answers = windowAnswers(one, { size: 5, causal: true });
  const rows = (tensor, from, to) => ({ data: tensor.data.slice(from * 8, to * 8), shape: [1, 1, to - from, 8] });
  for (const t of [0, 3, 20, 47]) {
    const from = Math.max(0, t - 4);
    compare(answers.slice(t * 8, t * 8 + 8), attention.softmax(rows(one.q, t, t + 1), rows(one.k, from, t + 1), rows(one.v, from, t + 1)).data);
  }
  assert.equal(windowOf(64, 64), 32);
  assert.equal(windowOf(32, 32), 16);
});

page('no weights are closer than the best of their rank, and the error is that of attention.gap', () => {
  for (const causal of [false, true]) {
    const { size, maps } = measureRank(attention, { ...sample, causal, maps: featureMaps, at: 0 });
    for (const [name, { features, difference, best }] of Object.entries(maps)) {
      assert.equal(features, featuresOf(name, { dim: 8, features: 32 }), name);
      assert.ok(best <= difference * (1 + 1e-6), `${name}: ${best} of ${difference}`);
      if (features >= 48) assert.ok(best < 1e-12 * size, name);
    }
    assert.ok(maps.elu.best > 1e-4 * size);
  }
  const one = { ...sample, heads: 1, causal: false };
  const { size, maps } = measureRank(attention, { ...one, maps: ['taylor'], at: 0 });
  near(Math.sqrt(maps.taylor.difference / size), measureGap(attention, { ...one, featureMap: 'taylor' }).weightError, 1e-5);
  assert.deepEqual(rankedLengths([128, 256, 512, 1024], false), [128, 256]);
  assert.deepEqual(rankedLengths([128, 256, 512, 1024], true), [128, 256, 512]);
});

page('at large scales favor is not drawn falling back to the mean', () => {
  const { relativeError } = measureGap(attention, { ...sample, dim: 64, length: 128, norm: 4, causal: false, featureMap: 'favor' });
  assert.ok(Number.isFinite(relativeError) && relativeError > 1.1, `${relativeError}`);
});

page('the sweep measures every place once, random maps for every seed, and long ones head by head', async () => {
  const asked = [];
  const note = (kind, answer) => async (point) => (asked.push({ kind, ...point }), answer);
  const measure = { gap: note('gap', { relativeError: 1, meanValueError: 1 }), head: note('head', { size: 1, difference: 1, mean: 1, product: 1, own: 1, most: 1 }), rank: note('rank', { size: 1, maps: { elu: { features: 8, difference: 1, best: 0 }, favor: { features: 8, difference: 1, best: 0 } } }) };
  const options = { source: 'a trained model', head: 'all four', causal: true, maps: ['elu', 'favor'], norm: 1, seed: 3, seeds: 2, lengths: [16, 784], sizes: { dim: 32, features: { elu: 32, favor: 256 } } };
  let last;
  for await (last of sweepGapPage(measure, options));
  assert.equal(last.done, last.total);
  assert.equal(last.rows.filter(({ along }) => along !== 'rank').length, 13 * 3 + 13);
  assert.ok(asked.filter(({ kind }) => kind === 'gap').every(({ length }) => length <= 512));
  assert.deepEqual(asked.filter(({ kind, length, featureMap }) => kind === 'head' && length === 784 && featureMap === 'elu').map(({ at }) => at), [0, 1, 2, 3]);
  assert.ok(asked.filter(({ seed }) => seed === 4).every(({ featureMap }) => featureMap === 'favor'));
  assert.deepEqual(asked.filter(({ featureMap }) => featureMap === windowName).map(({ size }) => size).at(0), 16);
  const [point] = overSeeds(last.rows, { along: 'length', featureMap: 'favor', of: (row) => row.seed });
  assert.deepEqual([point.x, point.least, point.most, point.seeds], [16, 3, 4, 2]);
  const controller = new AbortController();
  asked.length = 0;
  for await (const report of sweepGapPage(measure, { ...options, signal: controller.signal })) if (report.done === 2) controller.abort();
  assert.ok(asked.length <= 6, `${asked.length} calls`);
});

page('inputs that were asked for again are not drawn again', () => {
  let made = 0;
  const inputs = rememberLast((options) => (made++, options));
  const options = { seed: 1, heads: 2, length: 8, dim: 4 };
  assert.equal(inputs(options), inputs({ ...options, at: 1 }));
  assert.notEqual(inputs(options), inputs({ ...options, norm: 2 }));
  assert.equal(made, 2);
});

page.run();
