#!/usr/bin/env node
// The page's sweeps in a terminal: the gap to softmax attention, the time of both against length, and random features.
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import cliProgress from 'cli-progress';
import { createAttention } from 'linear-attention-wasm';
import { fileName, readOptions, runCommand, UsageError } from './command.js';
import { toCsv } from './measure/csv.js';
import { describeEnvironment, minuteNow } from './measure/environment.js';
import { draws, featuresBench, kindNames, references, spreadOf, sweepFeatures } from './measure/features.js';
import { measureGap, shortestGap, sweepGap } from './measure/gap.js';
import { featureCounts, featureMaps, firstMaps, isRandom, makeMap } from './measure/maps.js';
import { crossover, fitPowerLaw } from './measure/statistics.js';
import { kinds, shortestTimed, sweepTime, timeBench, warmUpLength } from './measure/time.js';

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

function integer(least, most) {
  return (name, text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new UsageError(`--${name} must be an integer from ${least} to ${most}, got "${text}"`);
    }
    return value;
  };
}

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
  const of = (kind) => rows.filter((row) => row.kind === kind);
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

/** Aligned columns, numbers to the right. */
function table(header, lines) {
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  return [header, ...lines].map((line) => '  ' + line.map((cell, column) => cell.padStart(widths[column])).join('  ')).join('\n');
}

const number = (value) => (Number.isFinite(value) ? Number(value.toPrecision(4)).toString() : String(value));

function gapText({ settings, rows }) {
  const { dim, heads, causal, norm, seed, maps } = settings;
  const tableAlong = (along, title) => {
    const own = rows.filter((row) => row.along === along);
    const places = [...new Set(own.map((row) => row[along]))];
    const lines = places.map((place) => {
      const here = own.filter((row) => row[along] === place);
      return [String(place), ...here.map((row) => number(row.relativeError)), number(here[0].meanValueError)];
    });
    return table([title, ...maps, 'mean of V'], lines);
  };
  const scaledLength = rows.find((row) => row.along === 'norm').length;
  return `Relative error against softmax attention (dim ${dim}, heads ${heads}, ${causal ? 'causal' : 'not causal'}, norm ${norm}, seed ${seed})
${tableAlong('length', 'T')}
The same at T = ${scaledLength} against the norm
${tableAlong('norm', 'norm')}
  Above "mean of V", averaging the values and ignoring the query would be closer.`;
}

function timeText({ settings, rows, stopped, slopes, crossover: crossed }) {
  const { dim, heads, causal, featureMap, budget } = settings;
  const lengths = [...new Set(rows.map((row) => row.length))];
  const ms = (kind, length) => rows.find((row) => row.kind === kind && row.length === length)?.ms;
  const lines = lengths.map((length) => {
    const [softmax, linear] = kinds.map((kind) => ms(kind, length));
    return [
      String(length),
      softmax ? number(softmax) : '–',
      linear ? number(linear) : '–',
      softmax && linear ? number(softmax / linear) : '–',
    ];
  });
  const slopeText = (kind) => {
    const fit = slopes[kind];
    return fit ? `${kind} T^${fit.exponent.toFixed(2)} (${fit.points} points, T = ${fit.from} … ${fit.to})` : `${kind}: too few points`;
  };
  const crossText = {
    crossed: () => `linear (${featureMap}) is faster from T ≈ ${Math.round(crossed.length)} on`,
    always: () => `none: linear (${featureMap}) is faster from T = ${crossed.length}, the shortest measured`,
    never: () => `none: linear (${featureMap}) is not faster up to T = ${crossed.length}`,
  };
  const stops = Object.entries(stopped).map(([kind, length]) => `  ${kind} stops before T = ${length}: over the budget of ${budget} ms\n`);
  return `Milliseconds a call (dim ${dim}, heads ${heads}, ${causal ? 'causal' : 'not causal'}, map ${featureMap})
${table(['T', 'softmax', 'linear', 'ratio'], lines)}
${stops.join('')}  slopes: ${kinds.map(slopeText).join(', ')}
  crossover: ${crossed ? crossText[crossed.kind]() : 'nothing measured for both'}`;
}

function featuresText({ settings, rows }) {
  const { dim, heads, length, causal, norm, seed } = settings;
  const spreads = kindNames.map((kind) => spreadOf(rows, kind));
  const cell = ({ least, middle, most }) => `${number(middle)} (${number(least)} … ${number(most)})`;
  const lines = featureCounts.map((features, i) => [String(features), ...spreads.map((spread) => cell(spread[i]))]);
  const levels = references.map((kind) => {
    const { features, relativeError } = rows.find((row) => row.kind === kind);
    return `${kind} ${number(relativeError)}${features ? ` with ${features} features` : ''}`;
  });
  const sizes = `dim ${dim}, heads ${heads}, T ${length}, ${causal ? 'causal' : 'not causal'}`;
  return `Relative error against softmax attention, median (least … largest) of ${draws} draws
(${sizes}, norm ${norm}, seed ${seed})
${table(['features', ...kindNames], lines)}
  beside them: ${levels.join(', ')}`;
}

/** Each sweep by its name: how it runs, and what it says in the terminal. */
const sweeps = {
  gap: { run: runGap, text: gapText },
  time: { run: runTime, text: timeText },
  features: { run: runFeatures, text: featuresText },
};
const usual = ['gap', 'time'];

/** One table for all sweeps: what, at which length, on which settings. */
function csvRows({ gap, time, features }) {
  const rows = [];
  for (const { along, featureMap, length, norm, relativeError, meanValueError } of gap?.rows ?? []) {
    const { dim, heads, causal, seed } = gap.settings;
    const count = isRandom(featureMap) ? gap.settings.features : '';
    const common = { dim, heads, causal, norm, seed, features: count, draw: '' };
    rows.push({ sweep: 'gap', along, series: featureMap, length, quantity: 'relativeError', value: relativeError, ...common });
    rows.push({ sweep: 'gap', along, series: featureMap, length, quantity: 'meanValueError', value: meanValueError, ...common });
  }
  for (const { kind, length, ms } of time?.rows ?? []) {
    const { dim, heads, causal, featureMap } = time.settings;
    const series = kind === 'linear' ? featureMap : kind;
    const [seed, count] = isRandom(series) ? [time.settings.seed, time.settings.features] : ['', ''];
    const common = { dim, heads, causal, norm: '', seed, features: count, draw: '' };
    rows.push({ sweep: 'time', along: 'length', series, length, quantity: 'ms', value: ms, ...common });
  }
  for (const { kind, features: count, draw, relativeError } of features?.rows ?? []) {
    const { length, ...settings } = features.settings;
    const measured = { length, quantity: 'relativeError', value: relativeError };
    rows.push({ sweep: 'features', along: 'features', series: kind, ...measured, ...settings, features: count, draw });
  }
  return rows;
}

async function main() {
  const options = readSweep(process.argv.slice(2));
  if (options.help) return void process.stdout.write(usage);
  const attention = await createAttention();
  const environment = {
    version: attention.version,
    build: attention.build,
    threads: attention.threads,
    engine: `Node ${process.versions.node}`,
    platform: `${os.type()} ${os.arch()}`,
    processors: os.cpus().length,
    date: minuteNow(),
  };
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
  const write = (file, text) => (file === '-' ? process.stdout.write(text) : writeFileSync(file, text));
  if (options.json) write(options.json, JSON.stringify(report, null, 2) + '\n');
  if (options.csv) write(options.csv, toCsv(csvRows(report), environment));
}

await runCommand(main);
