// Part of the remedy: what each pair of a query and a key counts, with the map where learning began and as it is now.
import { number } from '../format.js';
import { factorOf, pairsOf } from '../measure/pairs.js';
import { createChart } from '../plots/chart.js';
import { shapes } from '../plots/markers.js';

const MARGIN = 1.3;
const kinds = { before: { role: 'floor', label: 'φ(q)·φ(k), at first', shape: 'circle' }, learned: { role: 'state', label: 'φ(q)·φ(k), learned', shape: shapes.state } };

/** @returns {{ update(report: object | null): void, picture(): object, sentence(report: object): string }} */
export function createPairs(container) {
  let limits = null;
  const chart = createChart(container, {
    x: { label: 'score q·k/√d', format: number },
    y: { label: 'what a pair counts, before the division', log: 10, format: number, range: () => limits },
    height: 300,
  });
  return {
    update(report) {
      const all = report?.softmax ? Object.keys(kinds).filter((kind) => report[kind]).map((kind) => [kind, pairsIn(report, kind)]) : [];
      const exact = report?.softmax ? pairsIn(report, 'softmax') : [];
      limits = limitsOf([exact.map((row) => row.exact), ...all.map(([, pairs]) => pairs.map(({ linear }) => linear))].flat());
      const series = all.map(([kind, pairs]) => ({ ...kinds[kind], size: 2.2, line: false, points: pairs.filter(({ linear }) => linear > 0).map(({ score, linear }) => ({ x: score, y: linear })) }));
      if (exact.length > 0) series.push({ role: 'softmax', label: 'exp(q·k/√d), softmax', points: exact.map((row) => ({ x: row.score, y: row.exact })) });
      chart.update({ series, summary: summaryOf(report) });
    },
    picture: chart.picture,
  };
}

const pairsIn = (report, kind) => pairsOf(report.scores, report[kind], { causal: true });

function limitsOf(values) {
  const counting = values.filter((value) => value > 0);
  return counting.length > 0 ? [Math.min(...counting) / MARGIN, Math.max(...counting) * MARGIN] : null;
}

/** By what factor pairs are off, at first and now; '' where nothing was learned. */
export function pairsSentence(report) {
  if (!report.learned) return '';
  const now = `counts ${number(factorOf(pairsIn(report, 'learned')))} × too much or too little`;
  return report.before ? `Where softmax looks, a pair ${now}; at first it was ${number(factorOf(pairsIn(report, 'before')))} ×.` : `Where softmax looks, a pair ${now}.`;
}

function summaryOf(report) {
  if (!report?.softmax) return 'Products of features against scores: nothing computed yet.';
  return `Products of features against scores of pairs, beside exp(q·k/√d). ${pairsSentence(report) || 'Nothing learned yet.'}`;
}
