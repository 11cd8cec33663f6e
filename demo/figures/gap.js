// Figure 1: how far linear attention is from softmax attention, against sequence length.
import { scaledLength, scales, shortestGap, sweepGap } from '../measure/gap.js';
import { asSourced, isTrained, longestOf, trainedLengths } from '../measure/heads.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { rowsOf } from '../measure/rows.js';
import { integer, list, number, percent } from '../format.js';
import { priorities } from '../lab.js';
import { beyondText, errorAxis } from './errors.js';
import { createFrame } from './frame.js';
import { createRun } from './run.js';
import { showSource } from './source.js';

const axis = errorAxis(2); // an error of twice the answer is no longer worth comparing

/** @returns {(changed: Set<string>) => void} update */
export function gapFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  const trained = () => isTrained(state.values['gap.source']);
  const longest = () => longestOf(state.pick('gap'));
  const chart = createChart(figure.querySelector('.plot'), {
    x: { label: 'sequence length T', log: 2, format: integer, range: () => [shortestGap / 1.2, longest() * 1.2] },
    y: { label: 'relative error, ‖linear − softmax‖ / ‖softmax‖', log: 10, format: number, range: () => errorRange('length') },
    height: 300,
  });
  const scaleChart = createChart(figure.querySelector('.scale-plot'), {
    x: { label: `scale of q and k, at T = ${scaledLength}`, log: 2, format: number, range: () => [scales[0] / 1.2, scales.at(-1) * 1.2] },
    y: { label: 'the same error against the scale of q and k', log: 10, format: number, range: () => errorRange('norm') },
    height: 260,
  });
  const clippedNote = figure.querySelector('.clipped');
  const frame = createFrame(figure, {
    name: 'gap',
    state,
    rows: () => shown.report?.rows.map((row) => ({ ...row, ...columnsOf(shown.report.settings) })) ?? [],
    picture: () => ({
      title: 'Linear against softmax attention: relative error',
      charts: [chart.picture(), scaleChart.picture()],
      about: { scale: shown.report.settings.norm, ...columnsOf(shown.report.settings) },
      remarks: clippedNote.textContent,
    }),
  });

  function errorRange(along) {
    const errors = [shown.report, shown.previous]
      .flatMap((report) => rowsOf(report, { along }))
      .flatMap((row) => [row.relativeError, row.meanValueError]);
    return axis.range(errors, { empty: 0.3, margin: 1.2, lowest: 0.5, top: 1.2 });
  }

  const draw = (next) => {
    shown = next;
    const { norm } = next.report?.settings ?? state.pick('gap');
    for (const [plot, along, marks] of [
      [chart, 'length', []],
      [scaleChart, 'norm', [{ x: norm, label: 'as above' }]],
    ]) {
      const series = [...seriesOf(next.previous, along, true), ...seriesOf(next.report, along, false)];
      plot.update({ series, marks, summary: summaryOf(next.report, along) });
    }
    clippedNote.textContent = clippedText(next.report);
    const rows = next.report?.rows ?? [];
    frame.setTable(
      ['T', 'scale', 'feature map', 'relative error', 'error of the mean of V', 'cosine', 'largest error', 'weight KL', 'weight L1'],
      rows.map((row) => [
        integer(row.length),
        number(row.norm),
        row.featureMap,
        ...[row.relativeError, row.meanValueError, row.cosine, row.maxError, row.weightKL, row.weightL1].map(number),
      ]),
    );
  };
  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => asSourced(state.pick('gap')),
    sweep: ({ maps, length, ...options }, signal) =>
      sweepGap((point) => lab.run(priorities.gap, 'gap', point), {
        ...options,
        maps,
        maxLength: length,
        lengths: trained() ? trainedLengths(shortestGap, length) : undefined,
        signal,
      }),
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

const columnsOf = ({ source, dim, heads, causal, seed, digit, layer, head, features, length }) => ({
  source,
  ...(isTrained(source) ? { digit, layer, head } : { dim, heads, seed }),
  causal,
  randomFeatures: features,
  longest: length,
});

function seriesOf(report, along, faint) {
  if (!report) return [];
  const { maps } = report.settings;
  const line = (featureMap, quantity) => rowsOf(report, { along, featureMap }).map((row) => axis.pointAt(row[along], row[quantity]));
  return [
    ...maps.map((map) => ({ role: map, label: map, shape: shapes[map], faint, points: line(map, 'relativeError') })),
    { role: 'floor', label: 'mean of V', dash: [6, 4], faint, points: line(maps[0], 'meanValueError') },
  ];
}

function clippedText(report) {
  const beyond = report?.rows.filter((row) => axis.isBeyond(row.relativeError)) ?? [];
  if (beyond.length === 0) return '';
  const maps = [...new Set(beyond.map((row) => row.featureMap))];
  const worst = beyond.reduce((most, row) => (row.relativeError > most || Number.isNaN(row.relativeError) ? row.relativeError : most), 0);
  const signed = maps.filter((map) => map === 'identity' || map === 'rff');
  const text = beyondText({ names: maps, points: beyond.length, of: report.rows.length, what: 'error', worst });
  if (signed.length === 0) return text;
  const why = 'so their sum, by which the output is divided, can come close to 0';
  return `${text} The weights of ${list(signed)} may be negative, ${why}.`;
}

function summaryOf(report, along) {
  const against = along === 'length' ? 'sequence length' : 'the scale of q and k';
  const series = seriesOf(report, along, false);
  if (!series.some(({ points }) => points.length > 0)) return `Relative error of linear attention against ${against}: not measured yet.`;
  const place = (x) => (along === 'length' ? `T = ${integer(x)}` : `scale ${number(x)}`);
  const parts = series.map(({ label, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    return last
      ? `${label} ${percent(first.value)} at ${place(first.x)} and ${percent(last.value)} at ${place(last.x)}`
      : `${label} not yet`;
  });
  return `Relative error of linear attention against ${against}: ${parts.join('; ')}.`;
}
