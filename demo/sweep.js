#!/usr/bin/env node
// The page's sweeps in a terminal: the gap to softmax attention, the time of both against length, and random features.
import cliProgress from 'cli-progress';
import { createAttention } from 'linear-attention-wasm';
import { fileName, integer, nodeEnvironment, readOptions, runCommand, UsageError, writeOut } from './command.js';
import { toCsv } from './measure/csv.js';
import { describeEnvironment } from './measure/environment.js';
import { draws, featuresBench, kindNames, sweepFeatures } from './measure/features.js';
import { measureGap, shortestGap, sweepGap } from './measure/gap.js';
import { featureCounts, featureMaps, firstMaps, makeMap } from './measure/maps.js';
import { rowsOf } from './measure/rows.js';
import { crossover, fitPowerLaw } from './measure/statistics.js';
import { kinds, shortestTimed, sweepTime, timeBench, warmUpLength } from './measure/time.js';
import { csvRows, featuresText, gapText, timeText } from './sweep_text.js';

const usage = `Usage: npm run sweep -- [options]

Measures linear attention against softmax attention on this machine.

  --only NAME         one sweep: gap, time or features (default: gap and time). features is the error of random
                      maps with ${featureCounts[0]} to ${featureCounts.at(-1)} features, in ${draws} draws each, at one length
  --dim N             length of a query, key and value vector, 1 to 256 (default 64; features: 16)
  --heads N           heads, 1 to 64 (default 1; gap: 4)
  --causal            query i sees keys 0 … i only
  --norm X            deviation of the entries of q and k, for the gap against length (default 1) and features (0.5)
  --seed N            seed of the inputs and of random maps, 0 to 4294967295 (default 1)
  --maps A,B          feature maps out of ${featureMaps.join(', ')};
                      the time is of the first, features has its own (default: ${firstMaps.join(', ')})
  --features N        features of favor and rff in the gap and the time, even, 2 to 4096 (default 256)
  --max-length N      the longest sequence, at least 16 (default: gap 2048, time 16384, features 1024)
  --budget-ms N       computing time for the time sweep (default 5000)
  --json FILE         write what was measured as JSON (- for standard output, in place of the tables)
  --csv FILE          write it as CSV, one row a measurement (- likewise)
  --help              this text
`;

const types = {
  dim: integer(1, 256),
  heads: integer(1, 64),
  seed: integer(0, 2 ** 32 - 1),
  'max-length': integer(Math.max(shortestGap, shortestTimed), 2 ** 20),
  'budget-ms': integer(1, 3_600_000),
  norm: (name, text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value > 0 && value <= 100))
      throw new UsageError(`--${name} must be above 0 and at most 100, got "${text}"`);
    return value;
  },
  only: (name, text) => {
    if (!Object.hasOwn(sweeps, text)) throw new UsageError(`--${name} must be gap, time or features, got "${text}"`);
    return text;
  },
  features: (name, text) => {
    const value = integer(2, 4096)(name, text);
    if (value % 2 !== 0) throw new UsageError(`--${name} must be even, got "${text}"`);
    return value;
  },
  maps: (name, text) => {
    const maps = text.split(',');
    const unknown = maps.find((map) => !featureMaps.includes(map));
    if (unknown !== undefined) throw new UsageError(`--${name} must be among ${featureMaps.join(', ')}, got "${unknown}"`);
    return [...new Set(maps)];
  },
  json: fileName,
  csv: fileName,
};

function readSweep(args) {
  const values = readOptions(args, types, ['causal', 'help']);
  if (values.json === '-' && values.csv === '-') throw new UsageError('--json - and --csv - both ask for standard output');
  return values;
}

function progress(title) {
  if (!process.stderr.isTTY) return { show() {}, end() {} };
  const bar = new cliProgress.SingleBar(
    { format: `${title} {bar} {value}/{total}`, stream: process.stderr, clearOnComplete: true, hideCursor: true },
    cliProgress.Presets.shades_classic,
  );
  let started = false;
  return {
    show({ done, total }) {
      if (!started) bar.start(total, 0);
      started = true;
      bar.update(done);
    },
    end: () => bar.stop(),
  };
}

/** Runs a sweep to its end and returns its last report. */
async function finish(sweep, bar) {
  let last;
  for await (const report of sweep) {
    last = report;
    bar.show(report);
  }
  bar.end();
  return last;
}

async function runGap(attention, options) {
  const settings = {
    dim: options.dim ?? 64,
    heads: options.heads ?? 4,
    causal: options.causal ?? false,
    norm: options.norm ?? 1,
    seed: options.seed ?? 1,
    maps: options.maps ?? firstMaps,
    features: options.features ?? 256,
    maxLength: options['max-length'] ?? 2048,
  };
  const { rows } = await finish(
    sweepGap((point) => measureGap(attention, point), settings),
    progress('gap '),
  );
  return { settings, rows };
}

async function runTime(attention, options) {
  const settings = {
    dim: options.dim ?? 64,
    heads: options.heads ?? 1,
    causal: options.causal ?? false,
    featureMap: options.maps?.[0] ?? firstMaps[0],
    features: options.features ?? 256,
    seed: options.seed ?? 1,
    maxLength: options['max-length'] ?? 16384,
    budget: options['budget-ms'] ?? 5000,
  };
  const { featureMap, maxLength } = settings;
  const map = makeMap(attention, featureMap, { ...settings, maxLength: Math.max(maxLength, warmUpLength) });
  const bench = timeBench(attention, { ...settings, featureMap: map });
  const { rows, stopped } = await finish(sweepTime(bench, settings), progress('time'));
  bench.dispose();
  map.dispose();
  const of = (kind) => rowsOf({ rows }, { kind });
  return {
    settings,
    rows,
    stopped,
    slopes: Object.fromEntries(kinds.map((kind) => [kind, fitPowerLaw(of(kind))])),
    crossover: crossover(of('softmax'), of('linear')),
  };
}

async function runFeatures(attention, options) {
  const settings = {
    dim: options.dim ?? 16,
    heads: options.heads ?? 1,
    length: options['max-length'] ?? 1024,
    causal: options.causal ?? false,
    norm: options.norm ?? 0.5,
    seed: options.seed ?? 1,
  };
  const bench = featuresBench(attention, settings);
  const { rows } = await finish(sweepFeatures(bench, { chosen: kindNames }), progress('features'));
  bench.dispose();
  return { settings, rows };
}

/** Each sweep by its name: how it runs, and what it says in the terminal. */
const sweeps = {
  gap: { run: runGap, text: gapText },
  time: { run: runTime, text: timeText },
  features: { run: runFeatures, text: featuresText },
};
const usual = ['gap', 'time'];

async function main() {
  const options = readSweep(process.argv.slice(2));
  if (options.help) return void process.stdout.write(usage);
  const attention = await createAttention();
  const environment = nodeEnvironment(attention);
  const quiet = options.json === '-' || options.csv === '-';
  const say = (text) => quiet || process.stdout.write(`${text}\n`);
  say(`linear-attention-wasm ${describeEnvironment(environment)}`);
  const report = { environment };
  for (const name of options.only ? [options.only] : usual) {
    const { run, text } = sweeps[name];
    report[name] = await run(attention, options);
    say(`\n${text(report[name])}`);
  }
  attention.dispose();
  if (options.json) writeOut(options.json, JSON.stringify(report, null, 2) + '\n');
  if (options.csv) writeOut(options.csv, toCsv(csvRows(report), environment));
}

await runCommand(main);
