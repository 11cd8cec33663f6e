// Figure 2: the error of random feature maps against their number of features: a band over draws, and what needs no draw.
import { draws, kindNames, kinds, references, sweepFeatures } from '../measure/features.js';
import { featureCounts } from '../measure/maps.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { integer, number, percent } from '../format.js';
import { priorities } from '../lab.js';
import { createFrame } from './frame.js';
import { createRun } from './run.js';

const HIGHEST = 4; // the plot ends here: an error of four times the answer is no longer worth comparing
const roles = { 'favor': 'favor', 'favor with independent rows': 'independent', 'hyperbolic favor': 'hyperbolic', 'rff': 'rff' };

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
    rows: () => shown.report?.rows.map((row) => ({ ...row, ...settingsOf(shown.report) })) ?? [],
    picture: () => ({ title: 'Random features against softmax attention: relative error', charts: [chart.picture()] }),
  });

  function errorRange() {
    const errors = [shown.report, shown.previous].flatMap((report) => report?.rows ?? []).flatMap((row) => [row.least, row.most, row.meanValueError]);
    const finite = errors.filter((error) => error > 0 && error <= HIGHEST);
    if (finite.length === 0) return [0.01, HIGHEST];
    return [Math.min(...finite) / 1.3, errors.some((error) => !(error <= HIGHEST)) ? HIGHEST : Math.max(...finite) * 1.3];
  }

  const draw = (next) => {
    shown = next;
    const series = [...seriesOf(next.previous, true), ...seriesOf(next.report, false)];
    chart.update({ series, summary: summaryOf(next.report) });
    figure.querySelector('.clipped').textContent = clippedText(next.report);
    frame.setTable(
      ['map', 'features', 'least error', 'median', 'largest', 'error of the mean of V'],
      (next.report?.rows ?? []).map((row) => [row.kind, kinds[row.kind] ? integer(row.features) : 'its own', ...[row.least, row.middle, row.most, row.meanValueError].map(number)]),
    );
  };
  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => state.pick('features'),
    sweep: ({ kinds: chosen, ...options }, signal) => sweepFeatures((point) => lab.run(priorities.features, 'features', point), { ...options, heads: 1, chosen, signal }),
    draw,
  });
  draw(shown);
  run.start();

  return (changed) => {
    if ([...changed].some((key) => key.startsWith('features.'))) run.restart();
  };
}

const settingsOf = ({ settings: { dim, length, causal, norm, seed } }) => ({ dim, length, causal, norm, seed, draws });

/** A logarithmic axis has no room for 0, and this one ends at HIGHEST. */
const within = (error) => (error <= HIGHEST ? Math.max(error, 1e-7) : HIGHEST);

function seriesOf(report, faint) {
  if (!report) return [];
  const level = (role, label, value, dash) => ({ role, label, dash, faint, points: value === undefined ? [] : featureCounts.map((x) => ({ x, y: within(value), value })) });
  const chosen = kindNames.filter((kind) => report.settings.kinds.includes(kind));
  return [
    ...chosen.map((kind) => ({
      role: roles[kind],
      label: kind,
      shape: shapes[roles[kind]],
      faint,
      band: true,
      points: report.rows
        .filter((row) => row.kind === kind)
        .map((row) => ({ x: row.features, y: within(row.middle), value: row.middle, clipped: !(row.middle <= HIGHEST), low: within(row.least), high: within(row.most) })),
    })),
    ...references.map((kind) => level(kind, kind, report.rows.find((row) => row.kind === kind)?.middle, [2, 3])),
    level('floor', 'mean of V', report.rows[0]?.meanValueError, [6, 4]),
  ];
}

function clippedText(report) {
  const beyond = report?.rows.filter((row) => !(row.middle <= HIGHEST)) ?? [];
  if (beyond.length === 0) return '';
  const names = [...new Set(beyond.map((row) => row.kind))].join(' and ');
  return `↑ Beyond the plot: ${names}, at ${beyond.length} of ${report.rows.length} points.`;
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
