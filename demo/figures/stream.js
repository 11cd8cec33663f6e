// Figure "The stream": one token at a time, with softmax's growing cache or linear attention's state of fixed size.
import { rowsOf } from '../measure/rows.js';
import { fitLine, mean } from '../measure/statistics.js';
import { sweepStream } from '../measure/stream.js';
import { BUSY, unrest } from '../measure/time.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { bytes, duration, integer, number } from '../format.js';
import { createFrame, listItem } from './frame.js';
import { createRun } from './run.js';

const labels = { cache: 'softmax with cache', state: 'linear with state' };
const roles = { cache: 'softmax', state: 'state' };

/** @returns {(changed: Set<string>) => void} update */
export function streamFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  const positions = () => [0, state.values['stream.length'] * 1.05];
  const time = createChart(figure.querySelector('.plot'), {
    x: { label: 'tokens before this one', format: integer, range: positions },
    y: { label: 'time of one token', format: duration },
    height: 280,
  });
  const memory = createChart(figure.querySelector('.memory-plot'), {
    x: { label: 'tokens before this one', format: integer, range: positions },
    y: { label: 'memory of the stream', binary: true, format: bytes },
    height: 220,
  });
  const verdict = figure.querySelector('.verdict');
  const frame = createFrame(figure, {
    name: 'stream',
    state,
    rows: () => shown.report?.rows.map((row) => ({ ...row, bytes: heldAt(shown.report, row), ...columnsOf(shown.report.settings) })) ?? [],
    picture: () => ({ title: 'One token at a time: time and memory against position', charts: [time.picture(), memory.picture()], about: columnsOf(shown.report.settings) }),
  });

  const draw = (next) => {
    shown = next;
    const { report, previous, running } = next;
    time.update({ series: [...seriesOf(previous, 'ms', true), ...seriesOf(report, 'ms', false)], summary: summaryOf(report) });
    memory.update({ series: [...seriesOf(previous, 'bytes', true), ...seriesOf(report, 'bytes', false)], summary: memorySummary(report) });
    verdict.replaceChildren(...(report && !running ? sentences(report) : []));
    frame.setTable(
      ['position', 'time with cache', 'time with state', 'bytes of the cache', 'bytes of the state'],
      report ? tableOf(report) : [],
    );
  };

  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => state.pick('stream'),
    sweep: ({ dim, heads, map, length }, signal) =>
      lab.bench('stream', { dim, heads, featureMap: map, maxLength: length }, (bench) => sweepStream(bench, { maxLength: length, signal })),
    draw,
  });
  draw(shown);
  run.start();

  return (changed) => {
    if ([...changed].some((key) => key.startsWith('stream.'))) run.restart();
  };
}

const columnsOf = ({ dim, heads, map }) => ({ dim, heads, featureMap: map });

/** Bytes in use by the tokens so far; the state's do not depend on them. */
const heldAt = ({ bytes: { cacheBytesPerToken, stateBytes } }, { memory, position }) =>
  memory === 'cache' ? cacheBytesPerToken * position : stateBytes;

function seriesOf(report, quantity, faint) {
  if (!report) return [];
  return Object.keys(labels).map((memory) => ({
    role: roles[memory],
    label: labels[memory],
    shape: shapes[roles[memory]],
    faint,
    points: rowsOf(report, { memory }).map((row) => ({ x: row.position, y: quantity === 'ms' ? row.ms : heldAt(report, row) })),
  }));
}

/** From the whole curves: one point may be disturbed. */
function sentences(report) {
  const [cache, state] = Object.keys(labels).map((memory) => rowsOf(report, { memory }));
  if (cache.length < 3 || state.length < 3) return [];
  const { stateBytes, cacheBytes, cacheBytesPerToken } = report.bytes;
  const { at, slope } = fitLine(cache.map((row) => ({ x: row.position, y: row.ms })));
  const times = state.map((row) => row.ms);
  const level = mean(times);
  const meet = (level - at) / slope;
  const where = slope > 0 && meet > 0 ? `: the cache is the slower one from about ${integer(meet)} tokens on` : '';
  const texts = [
    `Over the whole curve one more token takes ${duration(level)} with the state, between ${duration(Math.min(...times))} and ${duration(Math.max(...times))}; with the cache ${duration(Math.max(0, slope) * 1000)} more for every 1,000 tokens before it${where}.`,
    `The cache grows by ${bytes(cacheBytesPerToken)} a token and is as large as the state (${bytes(stateBytes)}) after ${integer(stateBytes / cacheBytesPerToken)} tokens. The library allocates it all at once: ${bytes(cacheBytes)} here.`,
  ];
  const restless = unrest(report.rows);
  if (restless >= BUSY) texts.unshift(`The machine was busy: the slowest repeats took ${number(restless)} times as long as the fastest. Measure again when it is not.`);
  return texts.map((text) => listItem(text));
}

function tableOf(report) {
  const state = rowsOf(report, { memory: 'state' });
  return rowsOf(report, { memory: 'cache' }).map((row, i) => [
    integer(row.position),
    duration(row.ms),
    duration(state[i]?.ms),
    integer(heldAt(report, row)),
    integer(report.bytes.stateBytes),
  ]);
}

function summaryOf(report) {
  if (!report?.rows.length) return 'Time of one token against its position: not measured yet.';
  const parts = seriesOf(report, 'ms', false).map(
    ({ label, points }) => `${label} from ${duration(points[0].y)} to ${duration(points.at(-1).y)}`,
  );
  return `Time of one token against its position: ${parts.join('; ')}.`;
}

function memorySummary(report) {
  if (!report?.rows.length) return 'Memory of the stream against its position: not measured yet.';
  const parts = seriesOf(report, 'bytes', false).map(
    ({ label, points }) => `${label} from ${bytes(points[0].y)} to ${bytes(points.at(-1).y)}`,
  );
  return `Memory of the stream against its position: ${parts.join('; ')}.`;
}
