// The remedy of the page in Node: a head learns, its numbers are the library's, and learning can be cancelled.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { createModel, digitBuild } from '../demo/digits/model.js';
import { paintImages } from '../demo/digits/paint.js';
import { measureErrors } from '../demo/learn/errors.js';
import { readHeldOut } from '../demo/learn/held_out.js';
import { createConvert, sweepConvert } from '../demo/measure/convert.js';
import { createLearner } from '../demo/measure/learner.js';
import { createLessons, paintLessons } from '../demo/measure/lessons.js';
import { factorOf, pairsOf } from '../demo/measure/pairs.js';
import { createRemedy, levels, matrixLength, sweepRemedy } from '../demo/measure/remedy.js';
import * as learn from '../web/learn.js';
import { near } from './util.js';

const page = suite('demo page: remedy');
const length = 784;
const options = { source: 'a trained model', layer: 3, head: '1', map: 'hedgehog', features: 64, loss: 'outputs', digits: 4, steps: 20, seed: 0 };
let attention;
let digits;
let remedy;
page.before(async () => {
  attention = await learn.createAttention(digitBuild);
  const softmax = createModel(attention, await readFile(new URL('../demo/models/softmax.safetensors', import.meta.url)));
  const bytes = await readFile(new URL('../demo/models/painted.u8', import.meta.url));
  const painted = Array.from({ length: bytes.length / (length + 1) }, (_, n) => Int32Array.from(bytes.subarray(n * (length + 1), (n + 1) * (length + 1))));
  digits = { models: { softmax }, painted, heldOut: readHeldOut(length) };
  remedy = createRemedy(digits, createLearner(loadHere));
});
page.after(() => attention.dispose());

/** Learning on the instance that measures, so that its memory tells what is left behind. */
const loadHere = async () => ({ ...learn, createAttention: async () => attention });

/** All reports of a sweep. */
async function reportsOf(chosen, { wanted = true, signal, onReport = () => {} } = {}) {
  const bench = remedy(attention, chosen);
  const reports = [];
  try {
    for await (const report of sweepRemedy(bench, { ...chosen, wanted, signal })) {
      reports.push({ ...report, rows: [...report.rows] });
      onReport(report);
    }
  } finally {
    bench.dispose();
  }
  return reports;
}
const errorsOf = ({ rows }, map) => rows.filter((row) => row.map === map).map(({ error }) => error);
const distance = (values, exact) => Math.hypot(...values.map((value, i) => value - exact[i])) / Math.hypot(...exact);

page('thirty digits are there, three of a class, as the model paints them', () => {
  assert.deepEqual(digits.painted.map(([label]) => label), Array.from({ length: 30 }, (_, n) => n % 10));
  const { images } = paintImages(digits.models.softmax, { count: 2, seed: 0 });
  images.forEach((image, n) => assert.deepEqual([...digits.painted[n].subarray(1)], [...image]));
});

page('new lessons are what the model paints of their seed, and teach; what is missing is painted, what is there is kept', async () => {
  const lessons = createLessons(digits);
  const before = attention.memory;
  const paint = async (asked, signal) => {
    const bench = lessons.bench(attention, asked);
    const seen = [];
    for await (const one of paintLessons(bench, { signal })) seen.push(one);
    bench.dispose();
    return seen;
  };
  assert.equal(lessons.of({ painting: 0, digits: 30 }), digits.painted);
  const stopped = new AbortController();
  stopped.abort();
  assert.deepEqual(await paint({ painting: 9, digits: 2 }, stopped.signal), []);
  assert.equal(lessons.of({ painting: 9, digits: 2 }), null);
  const seen = await paint({ painting: 9, digits: 2 });
  assert.deepEqual([seen.length, seen[0].positions, seen.at(-1).share], [28, [28, 28], 1]);
  assert.ok(seen.every(({ share }, i) => i === 0 || share > seen[i - 1].share));
  const { images } = paintImages(digits.models.softmax, { count: 2, seed: 9 });
  const list = lessons.of({ painting: 9, digits: 2 });
  list.forEach((tokens, n) => assert.deepEqual([...tokens], [n, ...images[n]]));
  assert.deepEqual(seen.at(-1).images, images);
  assert.equal((await paint({ painting: 9, digits: 2 })).length, 1);
  const some = lessons.bench(attention, { painting: 9, digits: 3 });
  assert.deepEqual(some.paint().positions, [length, length, 28]);
  some.dispose();
  assert.equal(attention.memory, before);

  const taught = { ...options, map: 'learned exp', features: 16, steps: 0, digits: 2 };
  const benches = createRemedy(digits, createLearner(loadHere), lessons.of);
  const losses = [];
  for (const [painting, shown] of [[9, 2], [0, 30]]) {
    const bench = benches(attention, { ...taught, painting });
    assert.equal(bench.warmUp().lessons.length, shown);
    await bench.learn(({ loss }) => loss && losses.push(loss));
    bench.dispose();
  }
  assert.equal(losses.length, 2);
  assert.notEqual(losses[0], losses[1]);
});

page('one head: the error falls by a fifth and below every level, and the weights come near to softmax’s', async () => {
  const reports = await reportsOf(options);
  const last = reports.at(-1);
  const learned = errorsOf(last, 'hedgehog');
  assert.deepEqual(last.rows.filter(({ map }) => map === 'hedgehog').map(({ step }) => step), [0, 10, 20]);
  assert.ok(Math.min(...learned) < 0.8 * learned[0], `${learned}`);
  for (const level of levels) assert.ok(Math.min(...learned) < errorsOf(last, level)[0], `${level}: ${errorsOf(last, level)}, learned ${learned}`);
  assert.equal(last.softmax.length, matrixLength ** 2);
  assert.ok(distance(last.learned, last.softmax) < 0.9 * distance(last.before, last.softmax));
  // The matrix turns while it learns: first where learning begins, then another one at every measurement.
  const seen = reports.filter(({ said }) => said.step !== undefined).map((report) => report.learned);
  assert.equal(seen[0], last.before);
  assert.equal(new Set(seen).size, 3);
  const off = seen.map((weights) => distance(weights, last.softmax));
  assert.ok(off[2] < off[1] && off[1] < off[0], `${off}`);
  const factors = [last.before, last.learned, last.softmax].map((weights) => factorOf(pairsOf(last.scores, weights, { causal: true })));
  assert.ok(factors[1] < 0.9 * factors[0], `${factors}`);
  near(factors[2], 1, 1e-4);
  assert.equal(last.done, last.total);
  assert.ok(reports.every(({ done }, i) => i === 0 || done >= reports[i - 1].done));
});

page('the levels are what attention.gap says of the same digits, and learning waits until it is wanted', async () => {
  const reports = await reportsOf(options, { wanted: false });
  const last = reports.at(-1);
  assert.deepEqual(last.rows.map(({ map }) => map), ['mean of V', ...levels]);
  assert.equal(last.learned, null);
  const judged = [20, 60, 100, 140, 180].map((n) => digits.heldOut[n]);
  const { elu, taylor } = measureErrors(digits.models.softmax, judged, [{ layer: 2, head: 0 }], { elu: 'elu', taylor: 'taylor' });
  near(errorsOf(last, 'elu')[0], elu.error[0], 1e-3);
  near(errorsOf(last, 'taylor')[0], taylor.error[0], 1e-3);
});

page('random inputs teach and judge without a model', async () => {
  const alone = createRemedy({}, createLearner(loadHere));
  const bench = alone(attention, { ...options, source: 'random numbers', map: 'learned exp', features: 32, steps: 10 });
  let last;
  for await (last of sweepRemedy(bench, { ...options, source: 'random numbers', map: 'learned exp', features: 32, steps: 10, wanted: true }));
  bench.dispose();
  assert.equal(errorsOf(last, 'learned exp').length, 2);
  assert.ok(last.rows.every(({ error }) => Number.isFinite(error)));
});

for (const [when, isThen] of [['looks at digits', ({ said }) => said.looked === 2], ['learns', ({ said }) => said.step === 10]]) {
  page(`a cancel while it ${when} ends it, and leaves no memory behind`, async () => {
    const controller = new AbortController();
    const before = attention.memory;
    const reports = await reportsOf({ ...options, steps: 400 }, { signal: controller.signal, onReport: (report) => isThen(report) && controller.abort() });
    assert.equal(reports.at(-1).learned === null, reports.at(-1).said.step === undefined);
    assert.ok(isThen(reports.at(-1)), JSON.stringify(reports.at(-1).said));
    assert.equal(attention.memory, before);
  });
}

page('all heads: the model made linear loses less than with elu, and paints from states', async () => {
  const chosen = { map: 'learned exp', features: 32, digits: 2, steps: 10, seed: 0 };
  const bench = createConvert(digits, createLearner(loadHere))(attention, chosen);
  const before = attention.memory;
  let last;
  for await (last of sweepConvert(bench, chosen));
  bench.dispose();
  const bits = Object.fromEntries(last.rows.filter((row) => row.bits !== '').map((row) => [row.map, row.bits]));
  assert.ok(bits.softmax < bits.learned && bits.learned < bits.elu, JSON.stringify(bits));
  const layers = last.rows.filter(({ layer }) => layer !== '');
  assert.deepEqual(layers.map(({ layer }) => layer), [1, 2, 3, 4, 5, 6]);
  for (const { error, before: first } of layers) assert.ok(error < 0.9 * first, JSON.stringify(layers));
  assert.deepEqual([last.position, last.images.length, last.done], [length, 10, last.total]);
  assert.equal(attention.memory, before);
});

page('all heads: a cancel ends it within a layer', async () => {
  const chosen = { map: 'hedgehog', features: 16, digits: 2, steps: 100, seed: 0 };
  const controller = new AbortController();
  const bench = createConvert(digits, createLearner(loadHere))(attention, chosen);
  const before = attention.memory;
  let last;
  for await (last of sweepConvert(bench, { ...chosen, signal: controller.signal })) if (last.layer === 1) controller.abort();
  bench.dispose();
  assert.equal(last.rows.filter(({ layer }) => layer !== '').length, 0);
  assert.equal(attention.memory, before);
});

page.run();
