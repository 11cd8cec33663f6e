// Figure 3: the time of both against sequence length, the crossover, and the memory behind it.
import { rowsOf } from '../measure/rows.js';
import { crossover, fitPowerLaw, powersOfTwo } from '../measure/statistics.js';
import { kinds, matrixBytes, shortestTimed, sweepTime } from '../measure/time.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { bytes, duration, integer, number } from '../format.js';
import { createFrame, listItem } from './frame.js';
import { createRun } from './run.js';

/** @returns {(changed: Set<string>) => void} update */
export function timeFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  const lengths = () => [shortestTimed / 1.2, state.values['time.length'] * 1.2];
  const chart = createChart(figure.querySelector('.plot'), {
    x: { label: 'sequence length T', log: 2, format: integer, range: lengths },
    y: { label: 'time of one call', log: 10, format: duration },
    height: 340,
  });
  const memory = createChart(figure.querySelector('.memory-plot'), {
    x: { label: 'sequence length T', log: 2, format: integer, range: lengths },
    y: { label: 'memory, if the T×T weights were stored', log: 2, format: bytes },
    height: 220,
  });
  const verdict = figure.querySelector('.verdict');
  const frame = createFrame(figure, {
    name: 'time',
    state,
    rows: () => shown.report?.rows.map((row) => ({ ...row, ...columnsOf(shown.report.settings) })) ?? [],
    picture: () => ({ title: 'Time and memory against sequence length', charts: [chart.picture(), memory.picture()], about: columnsOf(shown.report.settings) }),
  });

  const draw = (next) => {
    shown = next;
    const { report, previous, running } = next;
    const found = report && findings(report);
    chart.update({
      series: [...seriesOf(previous, true), ...seriesOf(report, false)],
      marks:
        found?.crossed?.kind === 'crossed' ? [{ x: found.crossed.length, label: `crossover T ≈ ${integer(found.crossed.length)}` }] : [],
      summary: summaryOf(report),
    });
    drawMemory(report?.settings ?? state.pick('time'));
    verdict.replaceChildren(...(found ? sentences(report, found, running) : []));
    setNumbers(figure, found);
    frame.setTable(['T', 'softmax', 'linear', 'softmax ÷ linear', 'T×T weights', 'state'], report ? tableOf(report) : []);
  };

  const drawMemory = ({ dim, heads, map, length }) => {
    const at = powersOfTwo(shortestTimed, length);
    const series = [
      { role: 'softmax', label: 'T×T weights', shape: shapes.softmax, points: at.map((x) => ({ x, y: matrixBytes(x, heads) })) },
      { role: 'state', label: 'state S and z', shape: shapes.state, points: at.map((x) => ({ x, y: stateBytes(dim, heads) })) },
    ];
    const summary = `At T = ${integer(length)} the weights of ${heads} heads would take ${bytes(matrixBytes(length, heads))}; the state of ${map} takes ${bytes(stateBytes(dim, heads))} at any length.`;
    memory.update({ series, summary });
  };

  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => state.pick('time'),
    sweep: ({ dim, heads, causal, map, length, budget }, signal) =>
      lab.bench('time', { dim, heads, causal, featureMap: map }, (bench) => sweepTime(bench, { maxLength: length, budget, signal })),
    draw,
  });
  draw(shown);
  run.start();

  return (changed) => {
    if ([...changed].some((key) => key.startsWith('time.'))) run.restart();
  };
}

/** S is dim × dim and z is dim numbers, float32, for each head: all three maps keep the dimension. */
const stateBytes = (dim, heads) => 4 * heads * (dim * dim + dim);
const columnsOf = ({ dim, heads, causal, map }) => ({ dim, heads, causal, featureMap: map });

function findings(report) {
  const [softmax, linear] = kinds.map((kind) => rowsOf(report, { kind }));
  return { slopes: { softmax: fitPowerLaw(softmax), linear: fitPowerLaw(linear) }, crossed: crossover(softmax, linear) };
}

function lastOfBoth(report) {
  const linear = new Map(rowsOf(report, { kind: 'linear' }).map((row) => [row.length, row.ms]));
  const row = rowsOf(report, { kind: 'softmax' }).findLast(({ length }) => linear.has(length));
  return row && { length: row.length, softmax: row.ms, linear: linear.get(row.length) };
}

function seriesOf(report, faint) {
  if (!report) return [];
  const { map } = report.settings;
  const line = (kind, role, label) => ({
    role,
    label,
    shape: shapes[role],
    faint,
    points: rowsOf(report, { kind }).map((row) => ({ x: row.length, y: row.ms })),
  });
  return [line('softmax', 'softmax', 'softmax'), line('linear', map, `linear, ${map}`)];
}

/** The numbers for tests and other readers of the document. */
function setNumbers(figure, found) {
  const { slopes, crossed } = found ?? {};
  figure.dataset.softmaxSlope = slopes?.softmax?.exponent.toFixed(3) ?? '';
  figure.dataset.linearSlope = slopes?.linear?.exponent.toFixed(3) ?? '';
  figure.dataset.crossover = crossed?.kind === 'crossed' ? Math.round(crossed.length) : (crossed?.kind ?? '');
}

function sentences({ settings, stopped, rows }, { slopes, crossed }, running) {
  const list = [];
  for (const kind of kinds) {
    const fit = slopes[kind];
    if (!fit) continue;
    list.push([
      colouredText(kind === 'softmax' ? 'softmax' : settings.map, kind === 'softmax' ? 'Softmax' : `Linear, ${settings.map}`),
      ' grows as ',
      power(fit.exponent),
      ` (fitted over its longest ${fit.points} points, T = ${integer(fit.from)} to ${integer(fit.to)}).`,
    ]);
  }
  if (crossed && !running) list.push([crossingText(crossed)]);
  for (const [kind, length] of Object.entries(stopped)) {
    list.push([
      `${kind === 'softmax' ? 'Softmax' : 'Linear'} was not measured from T = ${integer(length)} on: it would not fit the time budget.`,
    ]);
  }
  const both = lastOfBoth({ rows });
  if (both && !running)
    list.push([
      `At T = ${integer(both.length)}, the longest measured for both, linear takes ${duration(both.linear)} and softmax ${duration(both.softmax)}: ${number(both.softmax / both.linear)} times as long.`,
    ]);
  return list.map((parts) => listItem(...parts));
}

function crossingText({ kind, length }) {
  if (kind === 'crossed')
    return `Crossover: linear is the faster one from T ≈ ${integer(length)} on (interpolated between measured lengths).`;
  if (kind === 'always') return `No crossover: linear was the faster one at every length, from T = ${integer(length)} on.`;
  return `No crossover: softmax was still the faster one at T = ${integer(length)}, the longest measured for both.`;
}

function colouredText(role, text) {
  const span = document.createElement('strong');
  span.style.color = `var(--${role})`;
  span.textContent = text;
  return span;
}

function power(exponent) {
  const span = document.createElement('span');
  span.className = 'power';
  const raised = document.createElement('sup');
  raised.textContent = exponent.toFixed(2);
  span.append('T', raised);
  return span;
}

function tableOf({ rows, settings }) {
  const lengths = [...new Set(rows.map((row) => row.length))];
  const ms = (kind, length) => rows.find((row) => row.kind === kind && row.length === length)?.ms;
  return lengths.map((length) => {
    const [softmax, linear] = kinds.map((kind) => ms(kind, length));
    const ratio = softmax && linear ? number(softmax / linear) : '–';
    const { dim, heads } = settings;
    return [integer(length), duration(softmax), duration(linear), ratio, bytes(matrixBytes(length, heads)), bytes(stateBytes(dim, heads))];
  });
}

function summaryOf(report) {
  if (!report?.rows.length) return 'Time of one call against sequence length: not measured yet.';
  const parts = seriesOf(report, false).map(({ label, points }) => {
    const [first, last] = [points[0], points.at(-1)];
    return last
      ? `${label} from ${duration(first.y)} at T = ${integer(first.x)} to ${duration(last.y)} at T = ${integer(last.x)}`
      : `${label} not yet`;
  });
  return `Time of one call against sequence length, both axes logarithmic: ${parts.join('; ')}.`;
}
