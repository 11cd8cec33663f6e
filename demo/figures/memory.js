// Figure "The memory": how many pairs can be read back from memories of fixed size, and for how long.
import { integer, number, percent } from '../format.js';
import { memories, pairCounts, quantities, seeds, sweepRecall } from '../measure/recall.js';
import { rowsOf } from '../measure/rows.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { priorities } from '../lab.js';
import { createFrame, listItem } from './frame.js';
import { createRun } from './run.js';

const titles = { recalled: 'share of pairs whose own value is the nearest', error: 'error of what is read back, ‖answer − value‖ / ‖value‖' };
const tick = { recalled: percent, error: number };

/** @returns {(changed: Set<string>) => void} update */
export function memoryFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  const quantity = () => state.values['memory.show'];
  const limits = () => (quantity() === quantities[0] ? [0, 1.03] : [0, 2]);
  const chart = createChart(figure.querySelector('.plot'), {
    x: { label: 'pairs stored', log: 2, format: integer, range: () => [pairCounts[0] / 1.2, pairCounts.at(-1) * 1.2] },
    y: { label: titles.recalled, format: (value) => tick[quantity()](value), range: limits },
    height: 340,
  });
  const ages = createChart(figure.querySelector('.age-plot'), {
    x: { label: 'pairs stored since', format: integer, range: () => [0, state.values['memory.pairs']] },
    y: { label: 'the same by age', format: (value) => tick[quantity()](value), range: limits },
    height: 260,
  });
  const frame = createFrame(figure, {
    name: 'memory',
    state,
    rows: () => shown.report?.rows.map(({ along, memory, pairs, age = '', features, recalled, least = '', most = '', error }) => ({ along, memory, pairs, age, features, recalled, least, most, error, ...aboutOf(shown.report.settings) })) ?? [],
    picture: () => ({ title: 'Pairs of keys and values, stored and read back', charts: [chart.picture(), ages.picture()], about: aboutOf(shown.report.settings), remarks: `Bands: least and most of ${seeds} draws.` }),
  });

  const draw = (next) => {
    shown = next;
    const { report, previous } = next;
    const show = quantity();
    figure.querySelector('.plot .axis-title').textContent = titles[show];
    chart.update({ series: [...seriesOf(previous, 'pairs', show, true), ...seriesOf(report, 'pairs', show, false)], marks: featureMarks(report), summary: summaryOf(report, show) });
    ages.update({ series: [...seriesOf(previous, 'age', show, true), ...seriesOf(report, 'age', show, false)], summary: `The same against age, with ${integer(state.values['memory.pairs'])} pairs stored.` });
    figure.querySelector('.verdict').replaceChildren(...(report && !next.running ? sentences(report) : []).map((text) => listItem(text)));
    frame.setTable(
      ['memory', 'features', 'pairs', 'age', 'recalled', 'error'],
      (report?.rows ?? []).map((row) => [row.memory, row.features === '' ? '–' : integer(row.features), integer(row.pairs), row.age === undefined ? 'all' : integer(row.age), percent(row.recalled), number(row.error)]),
    );
  };
  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => settingsOf(state.pick('memory')),
    sweep: ({ memories: chosen, ...options }, signal) =>
      sweepRecall({ measure: (point) => lab.run(priorities.memory, 'recall', point), ages: (point) => lab.run(priorities.memory, 'ages', point) }, { ...options, chosen, signal }),
    draw,
  });
  draw(shown);
  run.start();
  return (changed) => {
    const own = [...changed].filter((key) => key.startsWith('memory.'));
    if (own.length === 1 && own[0] === 'memory.show') draw(shown);
    else if (own.length > 0) run.restart();
  };
}

/** What is measured: not what is shown of it. */
const settingsOf = ({ show, ...settings }) => settings;
const aboutOf = ({ dim, overwritten, decay, seed }) => ({ dim, percentOverwritten: overwritten, decayKeeps: decay, seed });

function seriesOf(report, along, show, faint) {
  if (!report) return [];
  return memories
    .filter((memory) => report.settings.memories.includes(memory))
    .map((memory) => ({
      role: memory,
      label: memory,
      shape: shapes[memory],
      faint,
      band: along === 'pairs' && show === 'recalled',
      points: rowsOf(report, { along, memory }).map((row) => ({ x: row[along], y: Math.min(row[show], 2), value: row[show], low: row.least, high: row.most })),
    }));
}

/** The numbers of features, on the axis: as many keys can be independent. */
function featureMarks(report) {
  const at = new Map();
  for (const { memory, features } of report?.rows ?? []) {
    if (features !== '' && features <= pairCounts.at(-1)) at.set(features, new Set([...(at.get(features) ?? []), memory]));
  }
  return [...at].map(([x, names]) => ({ x, label: names.size > 1 ? `${integer(x)} features` : `${[...names]}’s` }));
}

function sentences({ rows, settings }) {
  const pairs = 2 * settings.dim;
  const at = rowsOf({ rows }, { along: 'pairs', pairs }).toSorted((a, b) => b.recalled - a.recalled);
  if (at.length === 0) return [];
  const list = [`With ${integer(pairs)} pairs stored, twice as many as d, what is read back is nearest to its own value: ${at.map((row) => `${row.memory} ${percent(row.recalled)}`).join(', ')}.`];
  const largest = rowsOf({ rows }, { along: 'pairs' }).reduce((most, row) => (row.features > (most?.features ?? 0) ? row : most), null);
  if (largest) list.push(`${largest.memory} has the most features, ${integer(largest.features)}: its state holds ${integer(largest.features * settings.dim)} numbers, softmax’s cache ${integer(2 * pairs * settings.dim)}.`);
  return list;
}

function summaryOf(report, show) {
  if (!report?.rows.length) return 'Recall against the number of pairs: not measured yet.';
  const parts = seriesOf(report, 'pairs', show, false).filter(({ points }) => points.length).map(({ label, points }) => `${label} ${tick[show](points[0].value)} of ${integer(points[0].x)} and ${tick[show](points.at(-1).value)} of ${integer(points.at(-1).x)}`);
  return `${titles[show]}, against the number of pairs: ${parts.join('; ')}.`;
}
