// Figure "The gap": how far linear attention is from softmax attention, against length and scale, beside what it should beat.
import { windowName } from '../measure/baselines.js';
import { scaledLength, scales, shortestGap } from '../measure/gap.js';
import { overSeeds, sweepGapPage } from '../measure/gap_page.js';
import { asSourced, isTrained, lengthsOf, trainedDim } from '../measure/heads.js';
import { featuresOf } from '../measure/maps.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { rowsOf } from '../measure/rows.js';
import { integer, list, number, percent } from '../format.js';
import { priorities } from '../lab.js';
import { beyondText, errorAxis } from './errors.js';
import { createFrame, listItem } from './frame.js';
import { createRankPlot } from './rank.js';
import { createRun } from './run.js';
import { showSource } from './source.js';

const axis = errorAxis(2); // an error of twice the answer, or of twice the mean's, is no longer worth comparing
const errorOf = (row) => row.relativeError;
const ratioOf = (row) => row.relativeError / row.meanValueError;
const valueOf = { length: errorOf, norm: ratioOf };
const TABLE_MS = 500;
const columns = ['along', 'length', 'norm', 'featureMap', 'window', 'seed', 'relativeError', 'meanValueError', 'cosine', 'maxError', 'weightError', 'bestError', 'weightKL', 'weightL1'];

/** @returns {(changed: Set<string>) => void} update */
export function gapFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  let tabled = -Infinity;
  const trained = () => isTrained(state.values['gap.source']);
  const lengths = () => lengthsOf(state.pick('gap'), shortestGap);
  const chart = createChart(figure.querySelector('.plot'), {
    x: { label: 'sequence length T', log: 2, format: integer, range: () => [shortestGap / 1.2, lengths().at(-1) * 1.2], also: () => lengths().slice(-1) },
    y: { label: 'relative error, ‖linear − softmax‖ / ‖softmax‖', format: number, range: () => errorRange() },
    height: 300,
  });
  const scaleChart = createChart(figure.querySelector('.scale-plot'), {
    x: { label: `scale of q and k, at T = ${scaledLength}`, log: 2, format: number, range: () => [scales[0] / 1.2, scales.at(-1) * 1.2] },
    y: { label: 'the same error, divided by that of the mean of V', format: number, range: () => [0, 2] },
    height: 260,
  });
  const rank = createRankPlot(figure.querySelector('.rank-plot'), { lengths });
  const clippedNote = figure.querySelector('.clipped');
  const verdict = figure.querySelector('.verdict');
  const frame = createFrame(figure, {
    name: 'gap',
    state,
    rows: () => shown.report?.rows.map((row) => ({ ...Object.fromEntries(columns.map((name) => [name, row[name] ?? ''])), ...columnsOf(shown.report.settings) })) ?? [],
    picture: () => ({
      title: 'Linear against softmax attention: relative error',
      charts: [chart.picture(), scaleChart.picture(), rank.picture()],
      about: { scale: shown.report.settings.norm, ...columnsOf(shown.report.settings) },
      remarks: [clippedNote.textContent, seedsText(shown.report)].filter(Boolean).join(' '),
    }),
  });

  function errorRange() {
    const errors = [shown.report, shown.previous].flatMap((report) => rowsOf(report, { along: 'length' })).flatMap((row) => [row.relativeError, row.meanValueError]);
    return [0, axis.range(errors, { empty: 0, margin: 1.1 })[1]];
  }

  const draw = (next) => {
    shown = next;
    const { report, previous, running } = next;
    const { norm } = report?.settings ?? state.pick('gap');
    for (const [plot, along, marks] of [
      [chart, 'length', []],
      [scaleChart, 'norm', [{ x: norm, label: 'as above' }]],
    ]) {
      plot.update({ series: [...seriesOf(previous, along, true), ...seriesOf(report, along, false)], marks, summary: summaryOf(report, along) });
    }
    rank.update(next);
    clippedNote.textContent = clippedText(report);
    verdict.replaceChildren(...(report && !running ? sentences(report) : []).map((text) => listItem(text)));
    // A long table is not made anew for every point.
    if (running && report && performance.now() - tabled < TABLE_MS) return;
    tabled = performance.now();
    frame.setTable(['T', 'scale', 'compared', 'relative error', 'least', 'most', 'mean of V', 'cosine', 'largest error', 'weights’ error', 'weight KL', 'weight L1'], report ? tableOf(report) : []);
  };
  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => asSourced(state.pick('gap')),
    async *sweep({ length, imageLength, ...options }, signal) {
      if (isTrained(options.source)) await lab.download(['softmax']);
      const dim = isTrained(options.source) ? trainedDim : options.dim;
      const sizes = { dim, features: Object.fromEntries(options.maps.map((map) => [map, featuresOf(map, { dim, features: options.features })])) };
      const measure = Object.fromEntries([['gap', 'gap'], ['head', 'gapHead'], ['rank', 'rank']].map(([name, method]) => [name, (point) => lab.run(priorities.gap, method, point)]));
      yield* sweepGapPage(measure, { ...options, lengths: lengthsOf({ ...options, length, imageLength }, shortestGap), sizes, signal });
    },
    draw,
  });
  const showControls = () => showSource(figure, trained());
  showControls();
  draw(shown);
  run.start();

  return (changed) => {
    showControls();
    if ([...changed].some((key) => key.startsWith('gap.'))) run.restart();
  };
}

const columnsOf = ({ source, dim, heads, causal, seeds, digit, layer, head, features }) => ({
  source,
  ...(isTrained(source) ? { digit, layer, head } : { dim, heads }),
  seeds,
  causal,
  randomFeatures: features,
});

const windowSize = (report) => report?.rows.find((row) => row.featureMap === windowName)?.window;
const windowLabel = (report) => `softmax over ${windowSize(report) ?? '…'} tokens, the memory of ${report.settings.maps[0]}`;

function seriesOf(report, along, faint) {
  if (!report) return [];
  const { maps } = report.settings;
  const of = valueOf[along];
  const pointsOf = (featureMap) =>
    overSeeds(report.rows, { along, featureMap, of }).map(({ x, row, least, most }) => ({ ...axis.pointAt(x, of(row)), low: axis.within(least), high: axis.within(most) }));
  const banded = (featureMap) => report.settings.seeds > 1 && rowsOf(report, { along, featureMap }).length > rowsOf(report, { along, featureMap, seed: report.settings.seed }).length;
  const floor = rowsOf(report, { along, featureMap: maps[0], seed: report.settings.seed }).map((row) => axis.pointAt(row[along], along === 'norm' ? 1 : row.meanValueError));
  return [
    ...maps.map((map) => ({ role: map, label: map, shape: shapes[map], faint, band: banded(map), points: pointsOf(map) })),
    { role: 'softmax', label: windowLabel(report), end: `${windowSize(report) ?? '…'} tokens`, dash: [2, 3], faint, band: banded(windowName), points: pointsOf(windowName) },
    { role: 'floor', label: 'mean of V', dash: [6, 4], faint, points: floor },
  ];
}

function tableOf(report) {
  const rows = [];
  for (const along of ['length', 'norm']) {
    for (const featureMap of [...report.settings.maps, windowName]) {
      for (const { row, least, most } of overSeeds(report.rows, { along, featureMap, of: errorOf })) {
        const name = featureMap === windowName ? `softmax, ${row.window} tokens` : featureMap;
        rows.push([integer(row.length), number(row.norm), name, ...[row.relativeError, least, most, row.meanValueError, row.cosine, row.maxError, row.weightError, row.weightKL, row.weightL1].map(number)]);
      }
    }
  }
  return rows;
}

function seedsText(report) {
  if (!report || report.settings.seeds === 1) return '';
  return isTrained(report.settings.source) ? `Bands: least and largest error of ${report.settings.seeds} draws of a random map.` : `Bands: least and largest error of ${report.settings.seeds} seeds; lines: medians.`;
}

function clippedText(report) {
  const measured = report?.rows.filter(({ along }) => along in valueOf) ?? [];
  const beyond = measured.filter((row) => axis.isBeyond(valueOf[row.along](row)));
  if (beyond.length === 0) return seedsText(report);
  const maps = [...new Set(beyond.map((row) => row.featureMap))];
  const values = beyond.map((row) => valueOf[row.along](row));
  const worst = values.some(Number.isNaN) ? NaN : Math.max(...values);
  const signed = maps.filter((map) => map === 'identity' || map === 'rff');
  const why = signed.length ? ` The weights of ${list(signed)} may be negative, so their sum, by which the output is divided, can come close to 0.` : '';
  return `${beyondText({ names: maps, points: beyond.length, of: measured.length, what: 'value', worst })}${why} ${seedsText(report)}`.trim();
}

function sentences(report) {
  const longest = Math.max(...rowsOf(report, { along: 'length' }).map(({ length }) => length));
  const at = (featureMap) => overSeeds(report.rows.filter(({ length }) => length === longest), { along: 'length', featureMap, of: errorOf })[0]?.row;
  const found = report.settings.maps.map(at).filter(Boolean);
  const window = at(windowName);
  if (!window || found.length === 0) return [];
  const [worse, better] = [found.filter((row) => ratioOf(row) >= 1), found.filter((row) => ratioOf(row) < 1)];
  const named = (rows) => list(rows.map((row) => `${row.featureMap} (${percent(row.relativeError)})`));
  return [
    worse.length ? `At T = ${integer(longest)}, ${named(worse)} ${worse.length > 1 ? 'are' : 'is'} further from softmax than averaging all values (${percent(found[0].meanValueError)}).` : `At T = ${integer(longest)} every map is closer to softmax than averaging all values (${percent(found[0].meanValueError)}).`,
    ...(better.length && worse.length ? [`Closer: ${named(better)}.`] : []),
    `Softmax over the last ${integer(window.window)} tokens, in the memory of ${report.settings.maps[0]}’s state, is ${percent(window.relativeError)} off.`.replace('the last', report.settings.causal ? 'the last' : 'the nearest'),
  ];
}

function summaryOf(report, along) {
  const against = along === 'length' ? 'sequence length' : 'the scale of q and k, divided by that of the mean of V';
  const series = seriesOf(report, along, false);
  if (!series.some(({ points }) => points.length > 0)) return `Relative error of linear attention against ${against}: not measured yet.`;
  const place = (x) => (along === 'length' ? `T = ${integer(x)}` : `scale ${number(x)}`);
  const parts = series.map(({ label, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    return last ? `${label} ${percent(first.value)} at ${place(first.x)} and ${percent(last.value)} at ${place(last.x)}` : `${label} not yet`;
  });
  return `Relative error of linear attention against ${against}: ${parts.join('; ')}.`;
}
