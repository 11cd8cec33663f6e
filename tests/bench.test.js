// The arithmetic of the benches on made-up timings: ratios, tables, fits and the markers of documents.
import assert from 'node:assert';
import { readdir, readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { createAttention } from '../web/index.js';
import { plainRecurrence, powersTo } from './bench/accuracy.js';
import { fitOf } from './bench/growth.js';
import { chooseRows } from './bench/only.js';
import { caseOf, checkedRows, expectedOf, inputsOf, kinds, verify } from './bench/peers/cases.js';
import { gatedRecurrence } from './bench/peers/hosts/plain_gated.js';
import { linearCausal, linearFull, softmax } from './bench/peers/hosts/plain_kernels.js';
import { standings } from './bench/peers/standings.js';
import { alignColumns, duration, markdown, ratioCells, timeCells } from './bench/peers/table.js';
import { fill, writeFigures, writeSummary } from './bench/readme.js';
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

test('ours stand beside the fastest web library and the native one', () => {
  const rivals = [entry('a', 'web', 40), entry('b', 'web', 35), entry('c', 'web', undefined), entry('n', 'native', 9)];
  assert.deepEqual(standings(row('linear-causal', [mine('simd', 10), mine('relaxed', undefined), ...rivals])), { web: 'b', native: 'n', ours: [{ name: 'ours, simd', web: 3.5, native: 0.9 }] });
  assert.deepEqual(standings(row('softmax-full', [mine('simd', 10)])), { web: null, native: null, ours: [{ name: 'ours, simd', web: null, native: null }] });
});

test('times and tables', () => {
  assert.deepEqual([duration(0.0061), duration(0.25), duration(12.34), duration(151.4), duration(undefined)], ['6.10 µs', '0.250 ms', '12.3 ms', '151 ms', '–']);
  assert.equal(alignColumns([['a', 'bb'], ['ccc', 'd']]), 'a    bb\nccc   d');
  assert.equal(markdown([['', 'x'], ['y', '1']]), '|  | x |\n| --- | --: |\n| y | 1 |');
  const race = { engine: 'Node', contestants: [{ name: 'ours, simd', group: 'ours' }, { name: 'a', group: 'web' }], rows: [row('softmax-full', [mine('simd', 10), entry('a', 'web', 11)])] };
  assert.deepEqual(timeCells(race)[1], ['softmax-full', '10.0 ms', '11.0 ms']);
  assert.deepEqual(ratioCells(race), [['', 'fastest other', 'ours, simd'], ['softmax-full', 'a', '1.10×']]);
  const native = { ...race, contestants: [...race.contestants, { name: 'n', group: 'native' }], rows: [row('softmax-full', [mine('simd', 10), entry('n', 'native', 4)])] };
  assert.deepEqual(ratioCells(native), [['', 'fastest other', 'ours, simd', 'n over ours, simd'], ['softmax-full', '–', '–', '0.40×']]);
});

test('an exponent is fitted over every point', () => {
  const points = [1024, 2048, 4096, 8192].map((length) => ({ length, ms: 1e-3 * length ** 1.25 }));
  const { exponent, ...fit } = fitOf('linear', points);
  assert.ok(Math.abs(exponent - 1.25) < 1e-9);
  assert.deepEqual(fit, { kind: 'linear', from: 1024, to: 8192, expected: 1 });
  assert.equal(fitOf('softmax', points.slice(0, 1)).exponent, null);
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

test('what states cost: every rule is measured, and nothing is left in memory', async () => {
  const attention = await createAttention();
  const before = attention.memory;
  const rows = measureStates(attention, rules, { rounds: 0.1, length: 64, sampleMs: 0, warmMs: 0 });
  assert.equal(attention.memory, before);
  attention.dispose();
  assert.deepEqual(rows.map(({ name }) => name), ['elu', 'decay a head and token', 'delta', 'gated delta']);
  for (const row of rows) assert.ok(Object.values(row).slice(1).every((x) => x > 0), row.name);
  const row = { name: 'delta', stepMs: 0.00712, history8: 1.1, history64: 1.4, transition: 3, draft: 1.2, prefillMs: 9.97, prefillHistory: 1.01, prefillTransition: 2, absorb: 0.66 };
  assert.equal(statesText([row]).split('\n').at(-1), '| delta | 7.1 µs | 1.10 | 1.40 | 3.00 | 1.20 | 10.0 ms | 1.01 | 2.00 | 0.66 |');
});

test('markers: only what lies between them changes', () => {
  const text = 'a\n<!-- x -->\nold\n<!-- /x -->\nb';
  assert.equal(fill(text, 'x', 'new'), 'a\n<!-- x -->\nnew\n<!-- /x -->\nb');
  assert.equal(fill(fill(text, 'x', 'new'), 'x', 'old'), text);
  assert.throws(() => fill(text, 'y', ''), /<!-- y -->/);
});

const readDocument = (path) => readFile(new URL(path, import.meta.url), 'utf8');
const about = { machine: 'a machine', version: '1', build: 'simd', threads: 1, date: '2026-01-31T00:00:00Z', heads: 8, dim: 64 };
const contestants = [{ name: 'ours, simd', group: 'ours', expresses: {} }, { name: 'ours, simd, resident', group: 'ours', keeping: 'resident', expresses: {} }, { name: 'a', group: 'web', expresses: {} }, { name: 'n', group: 'native', expresses: {} }];

test("the benches' figures stand between the markers of tests/bench/README.md, of two machines below one another", async () => {
  const kernels = { bench: 'kernels', ...about, length: 4096, kernels: [{ name: 'kernel', ms: 1, gflops: 2, share: 0.5 }], tokens: [{ name: ' step', microseconds: 6 }] };
  const figures = [
    kernels,
    { ...kernels, machine: 'another' },
    { bench: 'growth', ...about, growth: [], crossovers: [{ dim: 64, causal: { kind: 'crossed', length: 99.6 }, full: { kind: 'always', length: 8 } }] },
    { bench: 'shapes', ...about, shapes: [{ ...shapes[0], prefillMs: 245, gflops: 35.06, tokenMs: 0.2, bytes: 2 ** 23 }] },
    { bench: 'states', ...about, states: [{ name: 'elu', stepMs: 0.007, history8: 1, history64: 1, transition: 1, draft: 1, prefillMs: 9, prefillHistory: 1, prefillTransition: 1, absorb: 0.41 }] },
    { bench: 'peers', races: [{ ...about, engine: 'Node', contestants, rows: [] }] },
  ];
  const written = writeFigures(await readDocument('bench/README.md'), figures);
  for (const line of ['### a machine\n', '### another\n', '| kernel | 1.00 | 2.0 | 50 % |', '| 64 | 100 | below 8 |', '| 245 ms |', '| 0.41 |', '### a machine, Node\n']) assert.ok(written.includes(line), line);
  assert.throws(() => writeFigures(written, [{ bench: 'other' }]), /other/);
});

test('README.md has the race in a page, of arrays and without native code', async () => {
  const rows = Object.keys(kinds).map((id) => row(id, contestants.map(({ name, group }, i) => entry(name, group, 10 + i))));
  const races = ['Node 1', 'Chrome/2'].map((engine) => ({ ...about, engine, contestants, rows }));
  const written = writeSummary(await readDocument('../README.md'), [{ bench: 'peers', races }], []);
  for (const line of ['a machine, Chrome/2, 2026-01-31, 1 thread, 8 heads of 64:', '|  | ours, simd | a |\n', '| linear-causal | 10.0 ms | 12.0 ms |']) assert.ok(written.includes(line), line);
  assert.ok(!written.includes('| retention |'));
});

test('the benches look for the modules that build.sh compiles for them', async () => {
  const read = (path) => readFile(new URL(path, import.meta.url), 'utf8');
  const made = [...(await read('../build.sh')).matchAll(/"\$stamps\/(tile-\w+\.wasm)"/g)].map(([, name]) => name);
  assert.deepEqual(made, ['simd', 'relaxed'].map((build) => `tile-${build}.wasm`));
  for (const name of (await readdir(new URL('bench/', import.meta.url))).filter((one) => one.endsWith('.js'))) {
    for (const [, path] of (await read(`bench/${name}`)).matchAll(/\.cache\/([^'`]*\.wasm)/g)) assert.equal(path, 'tile-${build}.wasm', name);
  }
});

test.run();
