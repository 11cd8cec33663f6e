// Figure "The kernel": φ(q)·φ(k) of many pairs beside exp(q·k/√d), and the features themselves.
import { integer, number, percent } from '../format.js';
import { isTrained } from '../measure/heads.js';
import { isRandom } from '../measure/maps.js';
import { curvePlaces, reach, rest } from '../measure/kernel.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';
import { priorities } from '../lab.js';
import { createFrame, listItem } from './frame.js';
import { createRun } from './run.js';
import { showSource } from './source.js';

/** The table lists one pair of so many, in the order of their scores; the CSV has all. */
const LISTED = 12;

/** @returns {(changed: Set<string>) => void} update */
export function kernelFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  const scatter = createChart(figure.querySelector('.plot'), {
    x: { label: 'score q·k/√d', format: number },
    y: { label: 'what the pair counts, before the division', log: 10, format: number },
    height: 340,
  });
  const curves = createChart(figure.querySelector('.curve-plot'), {
    x: { label: `first number of x, all others ${rest}`, format: number, range: () => [-reach, reach] },
    y: { label: 'features φ(x)', format: number },
    height: 240,
  });
  const frame = createFrame(figure, {
    name: 'kernel',
    state,
    rows: () => shown.report?.rows ?? [],
    picture: () => ({ title: 'A dot product of features beside the exponential', charts: [scatter.picture(), curves.picture()], about: aboutOf(shown.report.settings), remarks: sentences(shown.report).join(' ') }),
  });

  const draw = (next) => {
    shown = next;
    const { report } = next;
    scatter.update({ series: pairsOf(report), summary: summaryOf(report) });
    curves.update({ series: curvesOf(report), summary: report ? `Features of ${report.settings.map} along one coordinate.` : 'Features: not computed yet.' });
    figure.querySelector('.verdict').replaceChildren(...(report ? sentences(report) : []).map((text) => listItem(text)));
    frame.setTable(['score', 'exp(score)', 'φ(q)·φ(k), scaled'], (report?.rows ?? []).filter((_, i) => i % LISTED === 0).map((row) => [row.score, row.exact, row.linear].map(number)));
    figure.dataset.weightError = report?.weightError ?? '';
  };
  const trained = () => isTrained(state.values['kernel.source']);
  const showControls = () => {
    showSource(figure, trained());
    figure.querySelector('[data-key="kernel.features"]').closest('label').hidden = !isRandom(state.values['kernel.map']);
  };
  const run = createRun({
    frame,
    ready: lab.ready,
    settings: () => state.pick('kernel'),
    async *sweep({ map, ...settings }) {
      if (isTrained(settings.source)) await lab.download(['softmax']);
      const measured = await lab.run(priorities.kernel, 'kernel', { ...settings, featureMap: map });
      yield { ...measured, done: 1, total: 1 };
    },
    draw,
  });
  showControls();
  draw(shown);
  run.start();
  return (changed) => {
    if (![...changed].some((key) => key.startsWith('kernel.'))) return;
    showControls();
    run.restart();
  };
}

const aboutOf = ({ source, map, dim, norm, seed, layer, head, digit }) => ({ source, featureMap: map, ...(isTrained(source) ? { layer, head, digit } : { dim, seed }), scale: norm });

function pairsOf(report) {
  if (!report) return [];
  const { rows, settings: { map } } = report;
  return [
    { role: map, label: `φ(q)·φ(k), ${map}`, shape: shapes[map], size: 2.5, line: false, points: rows.filter((row) => row.linear > 0).map((row) => ({ x: row.score, y: row.linear })) },
    { role: 'softmax', label: 'exp(q·k/√d), softmax', points: rows.map((row) => ({ x: row.score, y: row.exact })) },
  ];
}

function curvesOf(report) {
  if (!report) return [];
  const { map } = report.settings;
  return report.curves.map((values, i) => ({ role: map, label: i ? `φ${i}` : `${map}, ${integer(report.features)} features in all`, quiet: i > 0, dash: [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 5]][i], points: values.map((y, at) => ({ x: curvePlaces[at], y })) }));
}

function sentences({ rows, settings: { map }, weightError }) {
  const last = rows.at(-1);
  const below = rows.filter((row) => row.linear <= 0).length;
  const list = [
    `The pair that fits best, with a score of ${number(last.score)}, counts ${number(last.exact)} in softmax and ${number(last.linear)} with ${map}.`,
    `Over all ${integer(rows.length)} pairs the weights of ${map} are ${percent(weightError)} off.`,
  ];
  if (below > 0) list.push(`${integer(below)} pairs count nothing or less: they have no place on this axis.`);
  return list;
}

function summaryOf(report) {
  if (!report) return 'Products of features against scores: not computed yet.';
  const [first, last] = [report.rows[0], report.rows.at(-1)];
  return `Products of features against scores: from ${number(first.linear)} at ${number(first.score)}, where the exponential is ${number(first.exact)}, to ${number(last.linear)} at ${number(last.score)}, where it is ${number(last.exact)}.`;
}
