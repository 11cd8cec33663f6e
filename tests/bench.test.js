// The arithmetic of the benches on made-up timings: goals, tables, fits and the README's markers.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { createAttention } from '../web/index.js';
import { plainRecurrence, powersTo } from './bench/accuracy.js';
import { judge } from './bench/growth.js';
import { chooseRows } from './bench/only.js';
import { caseOf, checkedRows, expectedOf, inputsOf, kinds, verify } from './bench/peers/cases.js';
import { standings } from './bench/peers/goals.js';
import { gatedRecurrence } from './bench/peers/hosts/plain_gated.js';
import { linearCausal, linearFull, softmax } from './bench/peers/hosts/plain_kernels.js';
import { alignColumns, duration, markdown, ratioCells, timeCells } from './bench/peers/table.js';
import { fill, writeFigures } from './bench/readme.js';
import { flopsOf, shapes, shapesText } from './bench/shapes.js';
import { measureStates, rules, statesText } from './bench/states.js';
import { gatePattern, patternOf } from './generate/tokens.js';
import { streamLinear } from './oracle/stream.js';
import { assertClose } from './tolerance.js';

const test = suite('bench');
const sizes = { heads: 2, dim: 8 };

const entry = (name, group, ms, more) => ({ name, group, ms, ...more });
const row = (id, entries) => ({ id, title: id, length: 1024, entries });
const mine = (build, ms) => entry(`ours, ${build}`, 'ours', ms, { build, keeping: 'arrays' });

test('goals are of the simd build from array to array, against the fastest web peer', () => {
  const rivals = [entry('a', 'web', 40), entry('b', 'web', 35), entry('c', 'web', undefined), entry('n', 'native', 9)];
  const resident = entry('ours, simd, resident', 'ours', 8, { build: 'simd', keeping: 'resident' });
  const [simd, relaxed, held] = standings(row('linear-causal', [mine('simd', 10), mine('relaxed', 9), resident, ...rivals]));
  assert.deepEqual([simd.web, simd.native], [3.5, 0.9]);
  assert.deepEqual(simd.goals, [{ against: 'web', least: 3, ratio: 3.5, met: true }]);
  assert.deepEqual([relaxed.goals, held.goals], [[], []]);
  for (const id of ['retention', 'gated-delta']) assert.deepEqual(standings(row(id, [mine('simd', 20), ...rivals]))[0].goals.map(({ least, met }) => [least, met]), [[3, false]]);
});

test('every kind of case but the start-up has a goal', () => {
  for (const id of Object.keys(kinds)) assert.equal(standings(row(id, [mine('simd', 10)]))[0].goals.length, 1, id);
  assert.deepEqual(standings(row('start-up', [mine('simd', 10)]))[0].goals, []);
});

test('a rival that did not run leaves a goal open', () => {
  const [one] = standings(row('softmax-full', [mine('simd', 10)]));
  assert.deepEqual([one.web, one.native, one.goals[0].met], [null, null, null]);
});

test('times and tables', () => {
  assert.deepEqual([duration(0.0061), duration(0.25), duration(12.34), duration(151.4), duration(undefined)], ['6.10 µs', '0.250 ms', '12.3 ms', '151 ms', '–']);
  assert.equal(alignColumns([['a', 'bb'], ['ccc', 'd']]), 'a    bb\nccc   d');
  assert.equal(markdown([['', 'x'], ['y', '1']]), '|  | x |\n| --- | --: |\n| y | 1 |');
  const race = { engine: 'Node', contestants: [{ name: 'ours, simd' }, { name: 'a' }], rows: [row('softmax-full', [mine('simd', 10), entry('a', 'web', 11)])] };
  assert.deepEqual(timeCells(race)[1], ['softmax-full', '10.0 ms', '11.0 ms']);
  assert.deepEqual(ratioCells(race)[1], ['softmax-full', 'ours, simd', '1.10×', '–', 'MISSED: 1.5× best web peer']);
});

test('an exponent is judged over every point', () => {
  const points = (exponent) => [1024, 2048, 4096, 8192].map((length) => ({ length, ms: 1e-3 * length ** exponent }));
  assert.equal(judge('softmax', points(2.05)).met, true);
  assert.equal(judge('linear', points(1.06)).met, false);
  assert.equal(judge('linear', points(1).slice(0, 2)).met, false);
});

test('the compared rows hold both ends', () => {
  assert.deepEqual(checkedRows(1), [0]);
  assert.deepEqual(checkedRows(4), [0, 1, 2, 3]);
  const rows = checkedRows(8192);
  assert.deepEqual([rows.length, rows[0], rows.at(-1), new Set(rows).size], [64, 0, 8191, 64]);
});

test('plain JavaScript passes the float64 check, and a wrong result does not', () => {
  const kernels = { 'linear-causal': [linearCausal(1), linearCausal(32)], 'linear-full': [linearFull], 'softmax-causal': [softmax], 'softmax-full': [softmax] };
  for (const [id, list] of Object.entries(kernels)) {
    const one = caseOf(id, 96, sizes);
    const inputs = inputsOf(one);
    const expected = expectedOf(one, inputs);
    for (const kernel of list) {
      const out = new Float32Array(inputs.q.data.length);
      kernel(one, inputs.q.data, inputs.k.data, inputs.v.data, out);
      verify(out, one, expected);
      out[out.length - 1] += 0.1;
      assert.throws(() => verify(out, one, expected), /element/);
    }
  }
  for (const id of ['retention', 'gated-delta']) {
    const one = caseOf(id, 96, sizes);
    const inputs = inputsOf(one);
    const out = new Float32Array(inputs.q.data.length);
    gatedRecurrence(one, inputs.q.data, inputs.k.data, inputs.v.data, inputs.decay.data, inputs.beta?.data, out);
    verify(out, one, expectedOf(one, inputs));
    out[0] += 0.1;
    assert.throws(() => verify(out, one, expectedOf(one, inputs)), /error/);
  }
});

test('every case has inputs and an expectation of the right size', () => {
  for (const id of Object.keys(kinds)) {
    const one = caseOf(id, 8, sizes);
    assert.equal(expectedOf(one, inputsOf(one)).length, 2 * (one.token ? 1 : 8) * 8, id);
  }
});

test('--only measures the rows whose names it is part of, and refuses what is part of none', () => {
  const groups = { kernels: [{ name: 'linear causal' }, { name: 'linear full' }, { name: 'softmax causal' }], tokens: [{ name: '  a step' }] };
  assert.equal(chooseRows(groups, undefined), groups);
  assert.deepEqual(chooseRows(groups, ['causal']), { kernels: [{ name: 'linear causal' }, { name: 'softmax causal' }], tokens: [] });
  assert.deepEqual(chooseRows(groups, ['full', 'step']), { kernels: [{ name: 'linear full' }], tokens: [{ name: '  a step' }] });
  assert.throws(() => chooseRows(groups, ['full', 'casual']), /'casual'[^]*linear causal[^]*a step/);
});

test('the plain float32 recurrence is the recurrence, and drifts', () => {
  const gates = [{}, { decay: gatePattern([[-0.1]]) }, { decay: gatePattern([[-0.1]]), beta: gatePattern([[0.5]]) }];
  for (const more of gates) {
    for (const form of [{ featureMap: 'elu', normalize: true }, { featureMap: 'identity', normalize: false }]) {
      const [q, k, v] = [1, 2, 3].map((seed) => patternOf('cycle of 7', { heads: 1, width: 8, seed, deviation: 0.3 }));
      const one = { q, k, v, ...more, form, length: 64, at: [0, 7, 63] };
      const expected = streamLinear(one, { ...form, length: 64, at: one.at }).o[0];
      plainRecurrence(one).forEach((row, i) => assertClose(row, expected[i], { rule: 'delta' }));
    }
  }
  const [q, k, v] = [1, 2, 3].map((seed) => patternOf('constant', { heads: 1, width: 8, seed }));
  const one = { q, k, v, form: { featureMap: 'elu', normalize: true }, length: 2 ** 16, at: [2 ** 16 - 1] };
  const [expected] = streamLinear(one, { ...one.form, length: one.length, at: one.at }).o[0];
  assert.throws(() => assertClose(plainRecurrence(one)[0], expected, { rule: 'gated' }), /relative/);
});

test('lengths of the accuracy run are even powers of two up to the longest, or odd ones', () => {
  assert.deepEqual([powersTo(10), powersTo(13), powersTo(16)], [[10], [11, 13], [10, 12, 14, 16]]);
});

test('the shapes of published models: their operations, and a table', () => {
  assert.deepEqual(shapes.map((shape) => flopsOf(shape) / shape.dim / shape.valueDim), [32, 16, 36, 192, 320]);
  const [shape] = shapes;
  const row = { ...shape, prefillMs: 245, gflops: 35.06, tokenMs: 0.2, bytes: 2 ** 23 };
  assert.equal(shapesText([row]).split('\n').at(-1), '| RetNet 1.3B, a decay a head | 8, 8, 8 | 256 × 512 | 245 ms | 35.1 | 0.200 ms | 8.0 MiB |');
});

test('what states cost: every rule is measured, nothing is left in memory, and marks that are missed are told', async () => {
  const attention = await createAttention();
  const before = attention.memory;
  const rows = measureStates(attention, rules, { rounds: 0.1, length: 64, sampleMs: 0, warmMs: 0 });
  assert.equal(attention.memory, before);
  attention.dispose();
  assert.deepEqual(rows.map(({ name }) => name), ['elu', 'decay a head and token', 'delta', 'gated delta']);
  for (const row of rows) assert.ok(Object.values(row).slice(1).every((x) => x > 0), row.name);
  const row = { name: 'delta', stepMs: 0.00712, history8: 1.1, history64: 1.4, transition: 3, draft: 1.2, prefillMs: 9.97, prefillHistory: 1.01, prefillTransition: 2, absorb: 0.66 };
  assert.deepEqual(statesText([row]).split('\n').slice(-3), [
    '| delta | 7.1 µs | 1.10 | 1.40 | 3.00 | 1.20 | 10.0 ms | 1.01 | 2.00 | 0.66 |',
    'MISSED: a step with history, delta: 1.40 of 1.3', 'MISSED: absorb, delta: 0.66 of 0.65',
  ]);
});

test('README markers: only what lies between them changes', () => {
  const text = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb';
  assert.equal(fill(text, 'x', 'new'), 'a\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\nb');
  assert.equal(fill(fill(text, 'x', 'new'), 'x', 'old'), text);
  assert.throws(() => fill(text, 'y', ''), /bench:y/);
});

test("the README has every bench's markers", async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const about = { machine: 'a machine', version: '1', build: 'simd', threads: 1, date: '2026-01-31T00:00:00Z', heads: 8, dim: 64 };
  const figures = [
    { bench: 'kernels', ...about, length: 4096, kernels: [{ name: 'kernel', ms: 1, gflops: 2, share: 0.5 }], tokens: [{ name: ' step', microseconds: 6 }] },
    { bench: 'growth', ...about, growth: [], crossovers: [{ dim: 64, causal: { kind: 'crossed', length: 99.6 }, full: { kind: 'always', length: 8 } }] },
    { bench: 'peers', races: [{ ...about, engine: 'Node', contestants: [], rows: [] }] },
  ];
  const written = figures.reduce(writeFigures, readme);
  for (const line of ['| kernel | 1.00 | 2.0 | 50 % |', '| 64 | 100 | below 8 |', 'a machine, Node, 2026-01-31, 1 thread;']) assert.ok(written.includes(line), line);
  assert.throws(() => writeFigures(readme, { bench: 'other' }), /other/);
});

test.run();
