// The sweeps' command line, on the real library.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { draws, featuresBench, kindNames, spreadOf } from '../demo/measure/features.js';
import { measureGap, measureWeights, scales } from '../demo/measure/gap.js';
import { epsOf, featureCounts, featureMaps, makeMap, withMap } from '../demo/measure/maps.js';
import { sampleInputs } from '../demo/measure/random.js';
import { createAttention } from '../web/index.js';
import { near } from './util.js';

const script = fileURLToPath(new URL('../demo/sweep.js', import.meta.url));

/** Runs the command line; resolves to its exit code and output. */
function sweep(...args) {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

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
    const { perHead, ...expected } = attention.gap(q, k, v, { featureMap, causal: true, ...epsOf(featureMap) });
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
    [['--json', ''], /--json must be a file in a folder that is there/],
    [['--csv', '/no such folder/x.csv'], /--csv must be a file in a folder that is there/],
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
