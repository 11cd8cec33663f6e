// Part of the gap: the error of the weights themselves, beside the least that any weights of the same rank can have.
import { rowsOf } from '../measure/rows.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { integer, number, percent } from '../format.js';
import { shortestGap } from '../measure/gap.js';
import { errorAxis } from './errors.js';

const axis = errorAxis(2);
/** Below it, float32 weights have no say. */
const LEAST = 1e-3;

export function createRankPlot(container, { lengths }) {
  const chart = createChart(container, {
    x: { label: 'sequence length T', log: 2, format: integer, range: () => [shortestGap / 1.2, lengths().at(-1) * 1.2], also: () => lengths().slice(-1) },
    y: { label: 'error of the weights, ‖P − W‖ / ‖P‖', format: number, range: () => [0, top] },
    height: 260,
  });
  let top = 1.2;
  return {
    update({ report, previous }) {
      const errors = [report, previous].flatMap((one) => rowsOf(one, { along: 'rank' })).map((row) => row.weightError);
      top = axis.range(errors, { empty: 0, margin: 1.1, top: 1.1 })[1];
      chart.update({ series: [...seriesOf(previous, true), ...seriesOf(report, false)], summary: summaryOf(report) });
    },
    picture: chart.picture,
  };
}

function seriesOf(report, faint) {
  if (!report) return [];
  const of = (featureMap) => rowsOf(report, { along: 'rank', featureMap });
  const maps = report.settings.maps.map((map) => ({ role: map, label: map, shape: shapes[map], faint, points: of(map).map((row) => axis.pointAt(row.length, row.weightError)) }));
  // Maps with as many features have one bound.
  const bounds = new Map(report.settings.maps.map((map) => [of(map)[0]?.features, of(map)]));
  const best = [...bounds]
    .filter(([, rows]) => rows.some(({ bestError }) => bestError > LEAST))
    .map(([rank, rows], i) => ({ role: 'floor', label: `best of rank ${integer(rank)}`, end: `best of ${integer(rank)}`, dash: [[3, 3], [8, 3], [1, 4]][i % 3], faint, points: rows.map((row) => ({ x: row.length, y: row.bestError, value: row.bestError })) }));
  return [...maps, ...best];
}

function summaryOf(report) {
  const series = seriesOf(report, false).filter(({ points }) => points.length > 0);
  if (series.length === 0) return 'Error of the weights against sequence length: not measured yet.';
  return `Error of the weights against sequence length: ${series.map(({ label, points }) => `${label} ${percent(points.at(-1).value)} at T = ${integer(points.at(-1).x)}`).join('; ')}.`;
}
