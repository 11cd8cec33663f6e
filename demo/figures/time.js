// Figure "The time": the time of both against sequence length, the crossover, and the memory behind it.
import { timed } from '../measure/headline.js';
import { rowsOf } from '../measure/rows.js';
import { crossover, fitPowerLaw, longPoints, powersOfTwo } from '../measure/statistics.js';
import { BUSY, cacheBytes, kinds, matrixBytes, shortestTimed, sweepTime, unrest } from '../measure/time.js';
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
    y: { label: 'memory of T tokens', log: 2, format: bytes },
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
    frame.setTable(['T', 'softmax', 'linear', 'softmax ÷ linear', 'cache', 'T×T weights', 'state'], report ? tableOf(report) : []);
  };

  const drawMemory = ({ dim, heads, map, length }) => {
    const at = powersOfTwo(shortestTimed, length);
    const line = (role, label, end, of, look) => ({ role, label, end, points: at.map((x) => ({ x, y: of(x) })), ...look });
    const series = [
      line('softmax', 'cache of keys and values', 'cache', (x) => cacheBytes(x, heads, dim), { shape: shapes.softmax }),
      line('state', 'state S and z', 'state', () => stateBytes(dim, heads), { shape: shapes.state }),
      line('floor', 'T×T weights, if they were stored', 'T×T', (x) => matrixBytes(x, heads), { width: 1 }),
    ];
    const summary = `At T = ${integer(length)} a cache of ${heads} heads takes ${bytes(cacheBytes(length, heads, dim))}, the T×T weights would take ${bytes(matrixBytes(length, heads))}; the state of ${map} takes ${bytes(stateBytes(dim, heads))} at any length.`;
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

/** A curve's times: the fastest of the repeats, since whatever disturbs one makes it slower. */
const timesOf = (report, kind) => rowsOf(report, { kind }).map((row) => ({ ...row, ms: row.fastest }));

function findings(report) {
  const [softmax, linear] = kinds.map((kind) => timesOf(report, kind));
  const fit = (points) => fitPowerLaw(points, longPoints(points));
  return { slopes: { softmax: fit(softmax), linear: fit(linear) }, crossed: crossover(softmax, linear), unrest: report.rows.length ? unrest(report.rows) : 1 };
}

function lastOfBoth(report) {
  const linear = new Map(timesOf(report, 'linear').map((row) => [row.length, row.ms]));
  const row = timesOf(report, 'softmax').findLast(({ length }) => linear.has(length));
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
    band: true,
    points: rowsOf(report, { kind }).map((row) => ({ x: row.length, y: row.fastest, low: row.fastest, high: row.slowest })),
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

function sentences({ settings, stopped, rows }, { slopes, crossed, unrest: restless }, running) {
  const list = [];
  if (restless >= BUSY && !running) list.push([colouredText('v', 'The machine was busy'), `: the slowest repeats took ${number(restless)} times as long as the fastest. Measure again when it is not.`]);
  for (const kind of kinds) {
    const fit = slopes[kind];
    if (!fit) continue;
    list.push([
      colouredText(kind === 'softmax' ? 'softmax' : settings.map, kind === 'softmax' ? 'Softmax' : `Linear, ${settings.map}`),
      ' grows as ',
      power(fit.exponent),
      ` (fitted over all its ${fit.points} long points, T = ${integer(fit.from)} to ${integer(fit.to)}).`,
    ]);
  }
  if (crossed && !running) list.push([crossingText(crossed)]);
  for (const [kind, length] of Object.entries(stopped)) {
    list.push([
      `${kind === 'softmax' ? 'Softmax' : 'Linear'} was not measured from T = ${integer(length)} on: it would not fit its half of the time budget.`,
    ]);
  }
  const both = lastOfBoth({ rows });
  if (both && !running)
    list.push([
      `At T = ${integer(both.length)}, the longest measured for both, linear takes ${duration(both.linear)} and softmax ${duration(both.softmax)}: ${number(both.softmax / both.linear)} times as long.`,
    ]);
  return list.map((parts) => listItem(...parts));
}

/** Why the number under the title may be another. */
const elsewhere = `The top of the page has that of ${timed.heads} head, d = ${timed.dim}, ${timed.featureMap}, ${timed.causal ? 'causal' : 'not causal'}, from fewer repeats.`;

function crossingText({ kind, length }) {
  if (kind === 'crossed')
    return `Crossover: linear is the faster one from T ≈ ${integer(length)} on (interpolated between measured lengths). ${elsewhere}`;
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
  const ms = (kind, length) => rows.find((row) => row.kind === kind && row.length === length)?.fastest;
  return lengths.map((length) => {
    const [softmax, linear] = kinds.map((kind) => ms(kind, length));
    const ratio = softmax && linear ? number(softmax / linear) : '–';
    const { dim, heads } = settings;
    return [integer(length), duration(softmax), duration(linear), ratio, bytes(cacheBytes(length, heads, dim)), bytes(matrixBytes(length, heads)), bytes(stateBytes(dim, heads))];
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
