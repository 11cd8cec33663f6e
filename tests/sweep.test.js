// The sweeps behind the page: their arithmetic on made-up timings, and the command line on the real library.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { toCsv } from '../demo/measure/csv.js';
import { parseUserAgent } from '../demo/measure/environment.js';
import { draws, featuresBench, kindNames, spreadOf, sweepFeatures } from '../demo/measure/features.js';
import { measureGap, measureWeights, scales, sweepGap } from '../demo/measure/gap.js';
import { featureCounts, featureMaps, makeMap, withMap } from '../demo/measure/maps.js';
import { repeatedNormals, sampleInputs } from '../demo/measure/random.js';
import { asymptoticHalf, crossover, fitPowerLaw, median, powersOfTwo } from '../demo/measure/statistics.js';
import { sweepStream } from '../demo/measure/stream.js';
import { sweepTime } from '../demo/measure/time.js';
import { createAttention } from '../web/index.js';

const script = fileURLToPath(new URL('../demo/sweep.js', import.meta.url));
const near = (actual, expected, tolerance = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
const timings = (lengths, cost) => lengths.map((length) => ({ length, ms: cost(length) }));

/** Runs the command line; resolves to its exit code and output. */
function sweep(...args) {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

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

const cli = suite('sweep: command line');
const small = ['--dim', '8', '--heads', '2', '--max-length', '64', '--budget-ms', '500'];
let folder;
cli.before(async () => (folder = await mkdtemp(join(tmpdir(), 'sweep-'))));
cli.after(() => rm(folder, { recursive: true }));

cli('prints both tables, slopes, crossover and what it ran on', async () => {
  const { code, stdout, stderr } = await sweep(...small);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  assert.match(stdout, /(simd|relaxed) build, 1 thread, Node \d+/);
  assert.match(stdout, / T +elu +relu +taylor +favor +mean of V\n +16 /);
  assert.match(stdout, / norm +elu +relu +taylor +favor +mean of V\n +0\.125 /);
  assert.match(stdout, / T +softmax +linear +ratio\n +16 /);
  assert.match(stdout, /slopes: softmax T\^[\d.-]+ \(3 points, T = 16 … 64\), linear T\^/);
  assert.match(stdout, /crossover: /);
});

cli('the gap is what attention.gap gives for the same inputs', async () => {
  const { stdout } = await sweep(
    '--only',
    'gap',
    '--dim',
    '8',
    '--heads',
    '2',
    '--max-length',
    '32',
    '--seed',
    '5',
    '--norm',
    '1.5',
    '--causal',
    '--maps',
    'relu,elu',
    '--json',
    '-',
  );
  const { environment, gap, time } = JSON.parse(stdout);
  assert.equal(time, undefined);
  assert.deepEqual(gap.settings, {
    dim: 8,
    heads: 2,
    causal: true,
    norm: 1.5,
    seed: 5,
    maps: ['relu', 'elu'],
    features: 256,
    maxLength: 32,
  });
  const alongLength = gap.rows.filter((row) => row.along === 'length');
  assert.deepEqual(
    alongLength.map(({ length, featureMap }) => `${featureMap} ${length}`),
    ['relu 16', 'elu 16', 'relu 32', 'elu 32'],
  );
  assert.ok(alongLength.every((row) => row.norm === 1.5));
  assert.equal(gap.rows.length - alongLength.length, 2 * scales.length);
  const attention = await createAttention({ build: environment.build });
  for (const { along, length, featureMap, norm, ...measures } of gap.rows) {
    const { q, k, v } = sampleInputs({ seed: 5, heads: 2, length, dim: 8, norm });
    const { perHead, ...expected } = attention.gap(q, k, v, { featureMap, causal: true });
    assert.equal(perHead.length, 2);
    assert.deepEqual(measures, JSON.parse(JSON.stringify(expected)));
  }
  attention.dispose();
});

cli('every map of the page can be swept', async () => {
  const { code, stdout, stderr } = await sweep('--only', 'gap', ...small, '--features', '32', '--maps', featureMaps.join(','), '--json', '-');
  assert.equal(code, 0, stderr);
  const { gap } = JSON.parse(stdout);
  for (const map of featureMaps) assert.ok(gap.rows.filter((row) => row.featureMap === map).every((row) => Number.isFinite(row.relativeError)), map);
});

cli('the time is of any map of the page', async () => {
  for (const map of ['cosformer', 'rff']) {
    const args = ['--only', 'time', ...small, '--max-length', '32', '--features', '32', '--maps', map];
    const { code, stdout, stderr } = await sweep(...args, '--json', '-');
    assert.equal(code, 0, stderr);
    const { settings, rows } = JSON.parse(stdout).time;
    assert.deepEqual([settings.featureMap, settings.features], [map, 32]);
    assert.ok(rows.some((row) => row.kind === 'linear'));
  }
});

cli('--only features measures all kinds, closer with more features, and neither other sweep', async () => {
  const { code, stdout, stderr } = await sweep('--only', 'features', '--dim', '8', '--max-length', '256', '--json', '-');
  assert.equal(code, 0, stderr);
  const { gap, time, features } = JSON.parse(stdout);
  assert.deepEqual([gap, time], [undefined, undefined]);
  assert.deepEqual(features.settings, { dim: 8, heads: 1, length: 256, causal: false, norm: 0.5, seed: 1 });
  assert.equal(features.rows.length, 3 + kindNames.length * featureCounts.length * draws);
  const errorOf = (name) => features.rows.find((row) => row.kind === name).relativeError;
  const [taylor, floor] = [errorOf('taylor'), errorOf('mean of V')];
  for (const kind of kindNames) {
    const at = Object.fromEntries(spreadOf(features.rows, kind).map((one) => [one.features, one]));
    assert.ok(taylor < at[1024].least && at[1024].most < at[64].least && at[1024].most < floor, kind);
  }
});

cli('--only features prints its table and writes its rows as CSV', async () => {
  const args = ['--only', 'features', '--dim', '4', '--max-length', '16'];
  const { stdout } = await sweep(...args);
  assert.match(stdout, / features +favor +favor with independent rows +hyperbolic favor +rff\n/);
  assert.match(stdout, /\n +16 +[\d.]+ \([\d.]+ … [\d.]+\) /);
  assert.match(stdout, /beside them: elu [\d.]+ with 4 features, taylor [\d.]+ with 15 features, mean of V [\d.]+\n$/);
  assert.doesNotMatch(stdout, /crossover/);
  const lines = (await sweep(...args, '--csv', '-')).stdout.trim().split('\n');
  assert.equal(lines.length, 1 + 3 + kindNames.length * featureCounts.length * draws);
  assert.match(lines[1], /^features,features,elu,16,relativeError,[\d.]+,4,1,false,0\.5,1,4,,0/);
  assert.match(lines.at(-1), /^features,features,rff,16,relativeError,[\d.]+,4,1,false,0\.5,1,1024,7,0/);
});

cli('writes JSON with settings, rows, slopes and environment', async () => {
  const file = join(folder, 'sweep.json');
  const { code, stderr } = await sweep('--only', 'time', ...small, '--json', file);
  assert.equal(code, 0, stderr);
  const { environment, time } = JSON.parse(await readFile(file, 'utf8'));
  assert.deepEqual(Object.keys(environment), ['version', 'build', 'threads', 'engine', 'platform', 'processors', 'date']);
  assert.deepEqual(time.settings, { dim: 8, heads: 2, causal: false, featureMap: 'elu', features: 256, seed: 1, maxLength: 64, budget: 500 });
  assert.equal(time.rows.length, 6);
  for (const row of time.rows) {
    assert.deepEqual(Object.keys(row), ['kind', 'length', 'ms', 'fastest', 'slowest', 'samples']);
    assert.ok(row.fastest > 0 && row.fastest <= row.ms && row.ms <= row.slowest && row.samples >= 3);
  }
  assert.deepEqual(Object.keys(time.slopes), ['softmax', 'linear']);
  assert.ok(['crossed', 'always', 'never'].includes(time.crossover.kind));
});

cli('writes CSV alone to standard output', async () => {
  const { code, stdout } = await sweep(...small, '--csv', '-');
  assert.equal(code, 0);
  const [header, ...lines] = stdout.trim().split('\n');
  assert.equal(
    header,
    'sweep,along,series,length,quantity,value,dim,heads,causal,norm,seed,features,draw,version,build,threads,engine,platform,processors,date',
  );
  assert.equal(lines.length, (3 + scales.length) * 4 * 2 + 3 * 2);
  assert.match(lines[0], /^gap,length,elu,16,relativeError,0\.\d+,8,2,false,1,1,,,/);
  assert.ok(lines.some((line) => /^gap,length,favor,16,relativeError,[\d.]+,8,2,false,1,1,256,,/.test(line)));
  assert.ok(lines.every((line) => line.split(',').length === 20));
});

cli('refuses unknown options and bad values with exit code 2', async () => {
  const wrong = [
    [['--bogus'], /bogus/],
    [['extra'], /extra/],
    [['--dim'], /dim/],
    [['--dim', '0'], /--dim must be an integer from 1 to 256, got "0"/],
    [['--heads', '1.5'], /--heads/],
    [['--norm', '-1'], /norm/],
    [['--norm=-1'], /--norm must be above 0/],
    [['--seed', 'x'], /--seed/],
    [['--max-length', '8'], /--max-length/],
    [['--budget-ms', '0'], /--budget-ms/],
    [['--maps', 'elu,softplus'], /softplus/],
    [['--only', 'both'], /--only must be gap, time or features/],
    [['--only', 'constructor'], /--only must be/],
    [['--features', '7'], /--features must be even/],
    [['--json', '-', '--csv', '-'], /standard output/],
  ];
  const results = await Promise.all(wrong.map(([args]) => sweep(...args)));
  results.forEach(({ code, stdout, stderr }, i) => {
    const [args, message] = wrong[i];
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n +at /);
  });
});

cli('--help names every option', async () => {
  const { code, stdout } = await sweep('--help');
  assert.equal(code, 0);
  for (const option of ['only', 'dim', 'heads', 'causal', 'norm', 'seed', 'maps', 'features', 'max-length', 'budget-ms', 'json', 'csv']) {
    assert.ok(stdout.includes(`--${option}`), option);
  }
});

cli('the bench of random features gives the errors of attention.gap, and its memory back', async () => {
  const attention = await createAttention();
  for (const causal of [false, true]) {
    const options = { dim: 8, heads: 2, length: 96, causal, norm: 0.5, seed: 3 };
    const before = attention.memory;
    const bench = featuresBench(attention, options);
    const gapOf = (featureMap, more) => measureGap(attention, { ...options, maxLength: 96, featureMap, ...more });
    near(bench.measure({ kind: 'elu' }).relativeError, gapOf('elu').relativeError, 1e-6);
    near(bench.measure({ kind: 'taylor' }).relativeError, gapOf('taylor').relativeError, 1e-6);
    near(bench.measure({ kind: 'mean of V' }).relativeError, gapOf('elu').meanValueError, 1e-6);
    const { q, k, v } = sampleInputs(options);
    const map = attention.featureMap('favor', { dim: 8, features: 64, seed: 3 * draws + 2, hyperbolic: true });
    const { relativeError } = withMap(map, () => attention.gap(q, k, v, { featureMap: map, causal }));
    near(bench.measure({ kind: 'hyperbolic favor', features: 64, draw: 2 }).relativeError, relativeError, 1e-6);
    bench.dispose();
    assert.deepEqual(attention.memory, before);
  }
  attention.dispose();
});

cli('cosformer is made for the longest sequence, in the gap and in the pictured weights', async () => {
  const attention = await createAttention();
  const options = { dim: 8, heads: 1, causal: false, norm: 1, seed: 1, featureMap: 'cosformer' };
  const map = makeMap(attention, 'cosformer', { dim: 8, maxLength: 512 });
  const { q, k, v } = sampleInputs({ ...options, length: 32 });
  const long = measureGap(attention, { ...options, length: 32, maxLength: 512 });
  assert.equal(long.relativeError, attention.gap(q, k, v, { featureMap: map }).relativeError);
  assert.notEqual(long.relativeError, measureGap(attention, { ...options, length: 32, maxLength: 32 }).relativeError);
  const { linear } = measureWeights(attention, { ...options, maxLength: 512 });
  assert.deepEqual(linear, attention.weights(q, k, { kind: 'linear', featureMap: map }).data);
  map.dispose();
  attention.dispose();
});

cli('the pictured weights sum to 1 in every row', async () => {
  const attention = await createAttention();
  const { softmax, linear, length, heads } = measureWeights(attention, {
    seed: 1,
    heads: 2,
    dim: 8,
    norm: 1,
    causal: true,
    featureMap: 'elu',
  });
  for (const weights of [softmax, linear]) {
    assert.equal(weights.length, heads * length * length);
    for (let row = 0; row < heads * length; row++) {
      near(
        weights.subarray(row * length, (row + 1) * length).reduce((sum, weight) => sum + weight, 0),
        1,
        1e-5,
      );
    }
  }
  attention.dispose();
});

cli.run();
