// The sweeps behind the page: their arithmetic on made-up timings.
import assert from 'node:assert';
import { suite } from 'uvu';
import { toCsv } from '../demo/measure/csv.js';
import { parseUserAgent } from '../demo/measure/environment.js';
import { draws, featuresBench, spreadOf, sweepFeatures } from '../demo/measure/features.js';
import { scales, sweepGap } from '../demo/measure/gap.js';
import { featureCounts } from '../demo/measure/maps.js';
import { repeatedNormals, sampleInputs } from '../demo/measure/random.js';
import { asymptoticHalf, crossover, fitPowerLaw, median, powersOfTwo } from '../demo/measure/statistics.js';
import { sweepStream } from '../demo/measure/stream.js';
import { sweepTime } from '../demo/measure/time.js';
import { near } from './util.js';

const timings = (lengths, cost) => lengths.map((length) => ({ length, ms: cost(length) }));

async function last(reports) {
  let report;
  for await (report of reports);
  return report;
}

const statistics = suite('sweep: statistics');

statistics('the median of odd and even counts', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

statistics('powers of two include both ends', () => {
  assert.deepEqual(powersOfTwo(16, 128), [16, 32, 64, 128]);
  assert.deepEqual(powersOfTwo(16, 100), [16, 32, 64]);
});

statistics('a power law is fitted exactly', () => {
  const fit = fitPowerLaw(timings([16, 32, 64, 128, 256, 512], (T) => 3e-4 * T ** 2));
  near(fit.exponent, 2);
  near(fit.factor, 3e-4);
  assert.deepEqual([fit.from, fit.to, fit.points], [128, 512, 3]);
});

statistics('fixed costs at short lengths do not bend the slope', () => {
  const fit = fitPowerLaw(timings(powersOfTwo(16, 65536), (T) => 0.05 + 1e-3 * T));
  near(fit.exponent, 1, 0.02);
});

statistics('the order of the points is irrelevant, and fewer than three give none', () => {
  const points = timings([512, 16, 128, 64, 32, 256], (T) => T);
  assert.deepEqual(
    asymptoticHalf(points).map((point) => point.length),
    [128, 256, 512],
  );
  assert.equal(fitPowerLaw(points.slice(0, 2)), null);
});

statistics('the crossover is interpolated on log–log', () => {
  const lengths = [16, 32, 64, 128];
  const found = crossover(
    timings(lengths, (T) => T ** 2 / 50),
    timings(lengths, (T) => T),
  );
  assert.equal(found.kind, 'crossed');
  near(found.length, 50, 1e-9);
});

statistics('a crossover that noise repeats is the last one', () => {
  const lengths = [16, 32, 64, 128];
  const softmax = [2, 1, 1, 4].map((ms, i) => ({ length: lengths[i], ms }));
  const linear = [1, 2, 2, 2].map((ms, i) => ({ length: lengths[i], ms }));
  const { kind, length } = crossover(softmax, linear);
  assert.equal(kind, 'crossed');
  assert.ok(length > 64 && length < 128);
});

statistics('no crossover says on which side', () => {
  const lengths = [16, 32];
  const slow = timings(lengths, () => 2);
  const fast = timings(lengths, () => 1);
  assert.deepEqual(crossover(slow, fast), { kind: 'always', length: 16 });
  assert.deepEqual(crossover(fast, slow), { kind: 'never', length: 32 });
  assert.equal(crossover([], fast), null);
});

statistics.run();

const sampling = suite('sweep: sampling');

sampling('the same seed gives the same numbers, another seed others', () => {
  const options = { seed: 7, heads: 2, length: 8, dim: 3, norm: 1 };
  assert.deepEqual(sampleInputs(options), sampleInputs(options));
  assert.notDeepEqual(sampleInputs(options).q.data, sampleInputs({ ...options, seed: 8 }).q.data);
});

sampling('a shorter sequence is a prefix of a longer one in every head', () => {
  const at = (length) => sampleInputs({ seed: 1, heads: 2, length, dim: 4, norm: 1 }).k.data;
  const [short, long] = [at(4), at(16)];
  assert.deepEqual(short.subarray(0, 16), long.subarray(0, 16));
  assert.deepEqual(short.subarray(16, 32), long.subarray(64, 80));
});

sampling('q and k have the asked deviation, v has 1', () => {
  const { q, k, v } = sampleInputs({ seed: 3, heads: 1, length: 1000, dim: 20, norm: 2.5 });
  for (const [tensor, deviation] of [
    [q, 2.5],
    [k, 2.5],
    [v, 1],
  ]) {
    const mean = tensor.data.reduce((sum, value) => sum + value, 0) / tensor.data.length;
    const square = tensor.data.reduce((sum, value) => sum + value ** 2, 0) / tensor.data.length;
    near(mean, 0, 0.05 * deviation);
    near(Math.sqrt(square), deviation, 0.03 * deviation);
  }
});

sampling('numbers for timing fill any count and are finite', () => {
  for (const count of [0, 1, 16384, 50000]) {
    const data = repeatedNormals(count);
    assert.equal(data.length, count);
    assert.ok(data.every((value) => Number.isFinite(value) && value !== 0));
  }
});

sampling('csv quotes what needs it and repeats where it was measured', () => {
  assert.equal(toCsv([{ a: 1, b: 'x,"y"' }], { engine: 'E' }), 'a,b,engine\n1,"x,""y""",E\n');
  assert.equal(toCsv([]), '');
});

sampling('browsers are told apart', () => {
  const agents = {
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36': 'Chrome 140',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0': 'Edge 140',
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0': 'Firefox 140',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15': 'Safari 18',
    other: 'unknown browser',
  };
  for (const [agent, name] of Object.entries(agents)) assert.equal(parseUserAgent(agent), name);
});

sampling.run();

const planning = suite('sweep: planning');

/** A bench whose calls cost what they should, without taking any time. */
const costs = { softmax: (T) => 1e-4 * T ** 2, linear: (T) => 1e-2 * T };
const fakeBench = (calls = []) => ({
  warmUp: () => 0.005,
  time: ({ kind, length, calls: count }) => {
    calls.push({ kind, length, count });
    return costs[kind](length);
  },
});

planning('each kind stops where it would exceed the budget, and keeps its points', async () => {
  const { rows, stopped } = await last(sweepTime(fakeBench(), { maxLength: 16384, budget: 4000 }));
  const softmax = rows.filter((row) => row.kind === 'softmax');
  assert.deepEqual(Object.keys(stopped), ['softmax']);
  assert.equal(stopped.softmax, 2 * softmax.at(-1).length);
  assert.equal(rows.filter((row) => row.kind === 'linear').at(-1).length, 16384);
  near(fitPowerLaw(softmax).exponent, 2, 1e-6);
});

planning('the budget of computing time is kept', async () => {
  const calls = [];
  await last(sweepTime(fakeBench(calls), { maxLength: 16384, budget: 4000 }));
  const spent = calls.reduce((sum, { kind, length, count }) => sum + costs[kind](length) * count, 0);
  assert.ok(spent <= 4000 * 1.1, `spent ${spent} ms`);
});

planning('repeats interleave the two kinds', async () => {
  const calls = [];
  await last(sweepTime(fakeBench(calls), { maxLength: 16, budget: 1000 }));
  const guesses = calls.findLastIndex((call, i) => call.kind === calls[i - 1]?.kind) + 1;
  const repeats = calls.slice(guesses).map((call) => call.kind);
  assert.ok(repeats.length >= 6);
  repeats.forEach((kind, i) => assert.equal(kind, ['softmax', 'linear'][i % 2]));
});

planning('a clock of whole milliseconds bends no slope', async () => {
  const bench = {
    warmUp: () => 1,
    time: ({ kind, length, calls }) => Math.floor((costs[kind](length) / 50) * calls) / calls,
  };
  const { rows } = await last(sweepTime(bench, { maxLength: 16384, budget: 8000 }));
  for (const [kind, exponent] of [
    ['softmax', 2],
    ['linear', 1],
  ]) {
    near(fitPowerLaw(rows.filter((row) => row.kind === kind)).exponent, exponent, 0.03);
  }
});

planning('random features: every draw has a seed of its own, and neighbouring seeds share none', async () => {
  const seedsOf = async (seed) => {
    const drawn = [];
    const attention = {
      tensor: (shape) => ({ shape, data: new Float32Array(4), dispose() {} }),
      softmax() {},
      linear() {},
      featureMap(name, { seed: own, features }) {
        if (name === 'favor') drawn.push(own);
        return { features, dispose() {} };
      },
    };
    const bench = featuresBench(attention, { dim: 2, heads: 1, length: 2, norm: 1, causal: false, seed });
    const { rows } = await last(sweepFeatures(bench, { chosen: ['favor'] }));
    assert.equal(rows.length, 3 + draws * featureCounts.length);
    assert.equal(drawn.length, draws * featureCounts.length);
    return new Set(drawn);
  };
  const [one, next, greatest] = await Promise.all([4, 5, 2 ** 32 - 1].map(seedsOf));
  assert.equal(one.size, draws);
  assert.equal(greatest.size, draws);
  assert.ok([...one].every((seed) => !next.has(seed)));
});

planning('random features: points come whole, and a cancel waits for no more than one draw', async () => {
  const controller = new AbortController();
  let calls = 0;
  const measure = ({ draw }) => {
    if (++calls === 3 + draws + 2) controller.abort();
    return { features: 16, relativeError: draw || 0 };
  };
  const options = { chosen: ['favor', 'rff'], signal: controller.signal };
  const { rows, done, total } = await last(sweepFeatures({ measure }, options));
  assert.equal(calls, 3 + draws + 2);
  assert.deepEqual([rows.length, done, total], [3 + draws, 4, 3 + 2 * featureCounts.length]);
  const spread = { kind: 'favor', features: 16, least: 0, middle: (draws - 1) / 2, most: draws - 1 };
  assert.deepEqual(spreadOf(rows, 'favor'), [spread]);
});

planning('the gap of every point knows the longest sequence of the sweep', async () => {
  const measured = [];
  const measure = (point) => (measured.push(point), point);
  await last(sweepGap(measure, { maps: ['cosformer'], maxLength: 1024, norm: 1, lengths: [16, 64, 784] }));
  assert.equal(measured.length, 3 + scales.length);
  assert.ok(measured.every(({ maxLength }) => maxLength === 784));
});

planning('an abort ends every sweep before its next measurement', async () => {
  const controller = new AbortController();
  const bench = { warmUp: () => ({ resolution: 0.005, stateBytes: 1, cacheBytesPerToken: 1 }), time: () => 1 };
  const features = { measure: () => ({ features: 16, relativeError: 1 }) };
  for (const reports of [
    sweepTime({ ...bench, warmUp: () => 0.005 }, { maxLength: 1024, budget: 1e6, signal: controller.signal }),
    sweepStream(bench, { maxLength: 1024, signal: controller.signal }),
    sweepFeatures(features, { chosen: ['rff'], signal: controller.signal }),
  ]) {
    let count = 0;
    for await (const _ of reports) {
      if (++count === 1) controller.abort();
    }
    assert.ok(count <= 1);
  }
});

planning.run();
