// Figure "The features": the error of random feature maps against their number of features: a band over draws, and what needs no draw.
import { draws, kindNames, meanOfV, references, spreadOf, sweepFeatures } from '../measure/features.js';
import { featureCounts } from '../measure/maps.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { integer, list, number, percent } from '../format.js';
import { beyondText, errorAxis } from './errors.js';
import { createFrame } from './frame.js';
import { createRun } from './run.js';

const axis = errorAxis(4); // an error of four times the answer is no longer worth comparing
const HEADS = 1;
const roles = {
  'favor': 'favor',
  'favor with independent rows': 'independent',
  'hyperbolic favor': 'hyperbolic',
  'rff': 'rff',
  'elu': 'elu',
  'taylor': 'taylor',
  [meanOfV]: 'floor',
};
const dashes = { elu: [2, 4], taylor: [10, 4], [meanOfV]: [6, 4] };

/** @returns {(changed: Set<string>) => void} update */
export function featuresFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  const chart = createChart(figure.querySelector('.plot'), {
    x: { label: 'random features m', log: 2, format: integer, range: () => [featureCounts[0] / 1.2, featureCounts.at(-1) * 1.2] },
    y: { label: 'relative error, ‖linear − softmax‖ / ‖softmax‖', log: 10, format: number, range: () => errorRange() },
    height: 320,
  });
  const frame = createFrame(figure, {
    name: 'features',
    state,
    rows: () => shown.report?.rows.map((row) => ({ ...row, ...columnsOf(shown.report.settings) })) ?? [],
    picture: () => ({ title: 'Random features against softmax attention: relative error', charts: [chart.picture()], about: columnsOf(shown.report.settings), remarks: [`Bands: least and largest error of ${draws} draws; lines: medians.`, clippedText(shown.report)].join(' ') }),
  });

  function errorRange() {
    const rows = [shown.report, shown.previous].flatMap((report) => report?.rows ?? []);
    return axis.range(rows.map((row) => row.relativeError), { empty: 0.01, margin: 1.3 });
  }

  const draw = (next) => {
    shown = next;
    const series = [...seriesOf(next.previous, true), ...seriesOf(next.report, false)];
    chart.update({ series, summary: summaryOf(next.report) });
    figure.querySelector('.clipped').textContent = clippedText(next.report);
    frame.setTable(['map', 'features', 'least error', 'median', 'largest'], next.report ? tableOf(next.report) : []);
  };
  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => state.pick('features'),
    sweep: ({ kinds: chosen, ...options }, signal) =>
      lab.bench('features', { ...options, heads: HEADS }, (bench) => sweepFeatures(bench, { chosen, signal })),
    draw,
  });
  draw(shown);
  run.start();

  return (changed) => {
    if ([...changed].some((key) => key.startsWith('features.'))) run.restart();
  };
}

const columnsOf = ({ dim, length, causal, norm, seed }) => ({ dim, heads: HEADS, length, causal, norm, seed });
const chosenOf = ({ settings }) => kindNames.filter((kind) => settings.kinds.includes(kind));

function seriesOf(report, faint) {
  if (!report) return [];
  const look = (kind) => ({ role: roles[kind], shape: shapes[roles[kind]], dash: dashes[kind], faint });
  const drawn = chosenOf(report).map((kind) => ({
    ...look(kind),
    label: kind,
    band: true,
    points: spreadOf(report.rows, kind).map(({ features, least, middle, most }) => ({
      ...axis.pointAt(features, middle),
      low: axis.within(least),
      high: axis.within(most),
    })),
  }));
  const levels = references.map((kind) => {
    const row = report.rows.find((one) => one.kind === kind);
    const label = row?.features ? `${kind}, ${integer(row.features)} features` : kind;
    const points = row ? featureCounts.map((features) => axis.pointAt(features, row.relativeError)) : [];
    return { ...look(kind), label, points };
  });
  return [...drawn, ...levels];
}

function tableOf(report) {
  return [...references, ...chosenOf(report)]
    .flatMap((kind) => spreadOf(report.rows, kind))
    .map(({ kind, features, ...errors }) => [
      kind,
      features ? integer(features) : '–',
      ...[errors.least, errors.middle, errors.most].map(number),
    ]);
}

function clippedText(report) {
  const points = report ? [...chosenOf(report), ...references].flatMap((kind) => spreadOf(report.rows, kind)) : [];
  const beyond = points.filter(({ middle }) => axis.isBeyond(middle));
  const bands = points.filter(({ middle, most }) => !axis.isBeyond(middle) && axis.isBeyond(most));
  if (beyond.length + bands.length === 0) return '';
  const cut = bands.length === 0 ? '' : `The bands of ${list([...new Set(bands.map(({ kind }) => kind))])} are cut off: the largest error is ${number(Math.max(...bands.map(({ most }) => most)))}.`;
  if (beyond.length === 0) return `↑ ${cut}`;
  const worst = Math.max(...beyond.map(({ middle }) => middle));
  return `${beyondText({ names: beyond.map(({ kind }) => kind), points: beyond.length, of: points.length, what: 'median error', worst })} ${cut}`.trim();
}

function summaryOf(report) {
  const series = seriesOf(report, false);
  if (!series.some(({ points }) => points.length > 0)) return 'Relative error of random feature maps against their number of features: not measured yet.';
  const parts = series.map(({ label, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    if (!last) return `${label} not yet`;
    return first.value === last.value ? `${label} ${percent(last.value)}` : `${label} ${percent(first.value)} with ${integer(first.x)} features and ${percent(last.value)} with ${integer(last.x)}`;
  });
  return `Relative error of random feature maps against their number of features, medians of ${draws} draws: ${parts.join('; ')}.`;
}
