// Beside figure 1: the two matrices of attention weights and their difference, linked by the cell in focus.
import { createChart } from '../plots/chart.js';
import { createHeatmap } from '../plots/heatmap.js';
import { shapes } from '../plots/markers.js';
import { gradientOf, signedScale, weightScale } from '../plots/scales.js';
import { integer, number } from '../format.js';
import { pictureLength } from '../measure/gap.js';
import { asSourced, longestOf } from '../measure/heads.js';
import { priorities } from '../lab.js';
import { onTheme } from '../theme.js';
import { makeTable } from './frame.js';

const kinds = ['softmax', 'linear', 'difference'];
const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-8, 0], PageDown: [8, 0] };

/** @returns {(changed: Set<string>) => void} update */
export function weightsFigure(panel, { state, lab }) {
  const matrices = panel.querySelector('.matrices');
  const readout = panel.querySelector('.readout');
  const headSelect = panel.querySelector('.head');
  const onCell = (row, column) => state.set({ 'weights.row': row, 'weights.column': column }, { step: false });
  const maps = Object.fromEntries(kinds.map((kind) => [kind, createHeatmap(panel.querySelector(`[data-kind=${kind}] .map`), { onCell })]));
  const rowChart = createChart(panel.querySelector('.row-plot'), {
    x: { label: 'key j', format: integer, range: () => [-0.5, pictureLength - 0.5] },
    y: { label: 'weight of key j in the row', format: number },
    height: 190,
  });
  let weights = null;
  let asked = 0;

  matrices.addEventListener('keydown', (event) => {
    const move = moves[event.key];
    if (!move || !weights || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const inside = (index) => Math.min(weights.length - 1, Math.max(0, index));
    const { row, column } = state.pick('weights');
    onCell(inside(row + move[0]), inside(column + move[1]));
  });
  headSelect.addEventListener('change', () => state.set({ 'weights.head': Number(headSelect.value) }));

  const fetch = async () => {
    const mine = ++asked;
    const { maps, length, ...sample } = asSourced(state.pick('gap'));
    const maxLength = longestOf({ source: sample.source, length });
    panel.dataset.state = weights ? 'running' : 'loading';
    let loaded = false;
    try {
      await lab.ready;
      loaded = true;
      const options = { ...sample, maxLength, featureMap: state.values['weights.map'] };
      const next = await lab.run(priorities.weights, 'weights', options);
      if (mine !== asked) return;
      weights = next;
      panel.dataset.state = 'done';
      draw();
    } catch (error) {
      if (mine !== asked) return;
      panel.dataset.state = 'error';
      readout.textContent = loaded ? `The weights could not be computed: ${error.message}` : 'The WebAssembly module did not load: see the top of the page.';
    }
  };

  const draw = () => {
    if (!weights) return;
    const { length, heads, causal, featureMap } = weights;
    const { row, column, ...chosen } = state.pick('weights');
    const head = Math.min(chosen.head, heads - 1);
    headSelect.replaceChildren(...Array.from({ length: heads }, (_, i) => new Option(String(i + 1), i, false, i === head)));
    const values = valuesOf(weights, head);
    const scales = scalesOf(values);
    const hidden = causal && column > row;
    const at = row * length + column;
    for (const kind of kinds) {
      const { scale, least, most } = scales[kind];
      const box = panel.querySelector(`[data-kind=${kind}]`);
      box.querySelector('.name').textContent =
        kind === 'linear' ? `linear, ${featureMap}` : kind === 'difference' ? 'linear − softmax' : 'softmax';
      box.querySelector('.name').style.color = kind === 'difference' ? '' : `var(--${kind === 'linear' ? featureMap : kind})`;
      box.querySelector('.scale').style.background = gradientOf(scale, least, most);
      box.querySelector('.least').textContent = `${scales[kind].clips && least < 0 ? '≤ ' : ''}${number(least)}`;
      box.querySelector('.most').textContent = `${scales[kind].clips ? '≥ ' : ''}${number(most)}`;
      maps[kind].update({
        size: length,
        values: values[kind],
        paint: (value, i, j) => (causal && j > i ? null : scale(value)),
        row,
        column,
        label: `${box.querySelector('.name').textContent}: ${length} by ${length} weights of head ${head + 1}, queries down, keys across; at query ${row}, key ${column}: ${hidden ? 'hidden' : number(values[kind][at])}`,
      });
    }
    readout.replaceChildren(...readoutOf({ row, column, hidden, featureMap, values, at }));
    Object.assign(panel.dataset, { row, column });
    drawRow({ row, column, causal, length, featureMap, values });
  };

  const drawRow = ({ row, column, causal, length, featureMap, values }) => {
    const visible = causal ? row + 1 : length;
    const points = (kind) => Array.from({ length: visible }, (_, j) => ({ x: j, y: values[kind][row * length + j] }));
    const series = [
      { role: 'softmax', label: 'softmax', shape: shapes.softmax, points: points('softmax') },
      { role: featureMap, label: `linear, ${featureMap}`, shape: shapes[featureMap], points: points('linear') },
    ];
    const peak = (kind) => points(kind).reduce((best, point) => (point.y > best.y ? point : best));
    const say = (kind) => `${kind} is largest at key ${peak(kind).x} with ${number(peak(kind).y)}`;
    rowChart.update({
      series,
      marks: [{ x: column }],
      summary: `Weights of query ${row} over the keys: ${say('softmax')}, ${say('linear')}.`,
    });
    panel.querySelector('.row-table').replaceChildren(
      makeTable(
        ['key j', 'softmax', `linear, ${featureMap}`, 'difference'],
        Array.from({ length: visible }, (_, j) => [String(j), ...kinds.map((kind) => number(values[kind][row * length + j]))]),
      ),
    );
  };

  onTheme(draw);
  fetch();
  return (changed) => {
    if (changed.has('weights.map') || [...changed].some((key) => key.startsWith('gap.') && key !== 'gap.maps')) fetch();
    else if (['weights.head', 'weights.row', 'weights.column'].some((key) => changed.has(key))) draw();
  };
}

function valuesOf({ softmax, linear, length }, head) {
  const slice = (all) => all.subarray(head * length * length, (head + 1) * length * length);
  const [exact, approximate] = [slice(softmax), slice(linear)];
  return { softmax: exact, linear: approximate, difference: approximate.map((value, i) => value - exact[i]) };
}

/** Softmax and linear share a scale, so that equal colours mean equal weights; negative weights need a signed one. */
function scalesOf({ softmax, linear, difference }) {
  const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0);
  const signed = linear.some((value) => !(value >= 0));
  const most = signed ? largest(softmax) : Math.max(largest(softmax), largest(linear));
  const most2 = signed ? most : largest(difference) || most;
  const weight = { scale: weightScale(most), least: 0, most, clips: false };
  const around = (bound, values) => ({
    scale: signedScale(bound),
    least: -bound,
    most: bound,
    clips: largest(values) > bound || values.some(Number.isNaN),
  });
  return { softmax: weight, linear: signed ? around(most, linear) : weight, difference: around(most2, difference) };
}

function readoutOf({ row, column, hidden, featureMap, values, at }) {
  const place = document.createElement('span');
  place.textContent = `query i = ${row}, key j = ${column}: `;
  if (hidden) return [place, 'hidden: a causal query sees no later key'];
  const parts = [
    ['softmax', 'softmax', values.softmax],
    [featureMap, 'linear', values.linear],
    ['', 'difference', values.difference],
  ];
  return [
    place,
    ...parts.flatMap(([role, name, all], i) => {
      const part = document.createElement('span');
      part.className = 'value';
      if (role) part.style.color = `var(--${role})`;
      part.textContent = `${name} ${number(all[at])}`;
      return i ? [', ', part] : [part];
    }),
  ];
}
