// What the sweeps in a terminal say, as text for people and as rows for a CSV file.
import { table } from './command.js';
import { draws, kindNames, references, spreadOf } from './measure/features.js';
import { featureCounts, isRandom } from './measure/maps.js';
import { rowsOf } from './measure/rows.js';
import { kinds } from './measure/time.js';

const number = (value) => (Number.isFinite(value) ? Number(value.toPrecision(4)).toString() : String(value));

/** Errors against the length and against the norm. */
export function gapText({ settings, rows }) {
  const { dim, heads, causal, norm, seed, maps } = settings;
  const tableAlong = (along, title) => {
    const own = rowsOf({ rows }, { along });
    const places = [...new Set(own.map((row) => row[along]))];
    const lines = places.map((place) => {
      const here = rowsOf({ rows: own }, { [along]: place });
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

/** Milliseconds, slopes and the crossover. */
export function timeText({ settings, rows, stopped, slopes, crossover: crossed }) {
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

/** Errors of random maps over draws. */
export function featuresText({ settings, rows }) {
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

/** One table for all sweeps: what, at which length, on which settings. */
export function csvRows({ gap, time, features }) {
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
