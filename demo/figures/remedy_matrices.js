// Part of the remedy: softmax's weights of some tokens beside those of the map where learning began and as it is now.
import { integer, percent } from '../format.js';
import { matrixLength } from '../measure/remedy.js';
import { createHeatmap } from '../plots/heatmap.js';
import { weightScale } from '../plots/scales.js';
import { onTheme } from '../theme.js';

const names = { softmax: 'softmax', before: 'where learning begins', learned: 'learned' };

/** @returns {(report: object | null) => void} update */
export function createMatrices(figure) {
  const boxes = Object.fromEntries(
    Object.keys(names).map((kind) => {
      const box = figure.querySelector(`[data-kind=${kind}]`);
      return [kind, { heatmap: createHeatmap(box.querySelector('.map')), off: box.querySelector('.off') }];
    }),
  );
  let shown = null;
  const draw = () => {
    const all = Object.keys(names).map((kind) => shown?.[kind]).filter(Boolean);
    const most = Math.max(0, ...all.map((values) => values.reduce((a, b) => Math.max(a, b), 0)));
    const scale = weightScale(most);
    for (const [kind, { heatmap, off }] of Object.entries(boxes)) {
      const values = shown?.[kind];
      off.textContent = values ? aboutOf(kind, shown) : 'not yet';
      heatmap.update({
        size: matrixLength,
        values: values ?? new Float32Array(matrixLength ** 2),
        paint: (value, i, j) => (!values || j > i ? null : scale(value)),
        label: values ? `${names[kind]}: ${matrixLength} by ${matrixLength} weights, queries down, keys across${kind === 'softmax' ? '' : `, ${aboutOf(kind, shown)}`}` : `${names[kind]}: no weights yet`,
      });
    }
  };
  onTheme(draw);
  return (report) => {
    shown = report;
    draw();
  };
}

/** How far weights are from softmax's; those that still learn, after how many steps. */
function aboutOf(kind, report) {
  if (kind === 'softmax') return 'the target';
  const off = `${percent(distance(report[kind], report.softmax))} off`;
  const { step } = report.said;
  return kind === 'learned' && step !== undefined ? `step ${integer(step)}: ${off}` : off;
}

function distance(values, exact) {
  const square = (of) => Math.sqrt(exact.reduce((sum, _, i) => sum + of(i) ** 2, 0));
  return square((i) => values[i] - exact[i]) / square((i) => exact[i]);
}
