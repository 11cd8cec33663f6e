// Part of the gap: softmax's weights beside those of one map, and of another or the difference, linked by the cell in focus.
import { createChart } from '../plots/chart.js';
import { createHeatmap } from '../plots/heatmap.js';
import { shapes } from '../plots/markers.js';
import { gradientOf, signedScale, weightScale } from '../plots/scales.js';
import { integer, number } from '../format.js';
import { pictureLength, shortestGap } from '../measure/gap.js';
import { asSourced, headChoices, isTrained, lengthsOf } from '../measure/heads.js';
import { priorities } from '../lab.js';
import { onTheme } from '../theme.js';
import { makeTable } from './frame.js';

const kinds = ['softmax', 'linear', 'second'];
const DIFFERENCE = 'difference';
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
    const { maps, seeds, ...sample } = asSourced(state.pick('gap'));
    const maxLength = lengthsOf(sample, shortestGap).at(-1);
    const { map, second } = state.pick('weights');
    panel.dataset.state = weights ? 'running' : 'loading';
    let loaded = false;
    try {
      await lab.ready;
      loaded = true;
      if (isTrained(sample.source)) await lab.download(['softmax']);
      const of = (featureMap) => lab.run(priorities.weights, 'weights', { ...sample, maxLength, featureMap });
      const [first, other] = await Promise.all([of(map), second === DIFFERENCE ? null : of(second)]);
      if (mine !== asked) return;
      weights = { ...first, second, other: other?.linear, firstHead: firstHead(sample) };
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
    const { length, heads, causal, featureMap, second } = weights;
    const { row, column, ...chosen } = state.pick('weights');
    const head = Math.min(chosen.head, heads - 1);
    headSelect.replaceChildren(...Array.from({ length: heads }, (_, i) => new Option(String(i + weights.firstHead), i, false, i === head)));
    const values = valuesOf(weights, head);
    const scales = scalesOf(values, second);
    const names = namesOf(weights);
    const hidden = causal && column > row;
    const at = row * length + column;
    for (const kind of kinds) {
      const { scale, least, most } = scales[kind];
      const box = panel.querySelector(`[data-kind=${kind}]`);
      box.querySelector('.name').textContent = names[kind].text;
      box.querySelector('.name').style.color = names[kind].role ? `var(--${names[kind].role})` : '';
      box.querySelector('.scale').style.background = gradientOf(scale, least, most);
      box.querySelector('.least').textContent = `${scales[kind].clips && least < 0 ? '≤ ' : ''}${number(least)}`;
      box.querySelector('.most').textContent = `${scales[kind].clips ? '≥ ' : ''}${number(most)}`;
      maps[kind].update({
        size: length,
        values: values[kind],
        paint: (value, i, j) => (causal && j > i ? null : scale(value)),
        row,
        column,
        label: `${box.querySelector('.name').textContent}: ${length} by ${length} weights of head ${head + weights.firstHead}, queries down, keys across; at query ${row}, key ${column}: ${hidden ? 'hidden' : number(values[kind][at])}`,
      });
    }
    readout.replaceChildren(...readoutOf({ row, column, hidden, names, values, at }));
    Object.assign(panel.dataset, { row, column });
    drawRow({ row, column, causal, length, names, values });
  };

  const drawRow = ({ row, column, causal, length, names, values }) => {
    const visible = causal ? row + 1 : length;
    const points = (kind) => Array.from({ length: visible }, (_, j) => ({ x: j, y: values[kind][row * length + j] }));
    const maps = kinds.filter((kind) => names[kind].role);
    const series = maps.map((kind) => ({ role: names[kind].role, label: names[kind].text, end: names[kind].role, shape: shapes[names[kind].role], points: points(kind) }));
    const peak = (kind) => points(kind).reduce((best, point) => (point.y > best.y ? point : best));
    const say = (kind) => `${names[kind].text} is largest at key ${peak(kind).x} with ${number(peak(kind).y)}`;
    rowChart.update({
      series,
      marks: [{ x: column }],
      summary: `Weights of query ${row} over the keys: ${maps.map(say).join(', ')}.`,
    });
    panel.querySelector('.row-table').replaceChildren(
      makeTable(
        ['key j', ...kinds.map((kind) => names[kind].text)],
        Array.from({ length: visible }, (_, j) => [String(j), ...kinds.map((kind) => number(values[kind][row * length + j]))]),
      ),
    );
  };

  onTheme(draw);
  fetch();
  return (changed) => {
    if (changed.has('weights.map') || changed.has('weights.second') || [...changed].some((key) => key.startsWith('gap.') && key !== 'gap.maps')) fetch();
    else if (['weights.head', 'weights.row', 'weights.column'].some((key) => changed.has(key))) draw();
  };
}

/** The number of the first head there is: one of a trained model keeps its own. */
const firstHead = ({ source, head }) => (isTrained(source) && head !== headChoices[0] ? Number(head) : 1);

/** What each matrix is called, and whose colour it has: a difference is nobody's. */
const namesOf = ({ featureMap, second }) => ({
  softmax: { text: 'softmax', role: 'softmax' },
  linear: { text: `linear, ${featureMap}`, role: featureMap },
  second: second === DIFFERENCE ? { text: 'linear − softmax', role: null } : { text: `linear, ${second}`, role: second },
});

function valuesOf({ softmax, linear, other, length }, head) {
  const slice = (all) => all.subarray(head * length * length, (head + 1) * length * length);
  const [exact, approximate] = [slice(softmax), slice(linear)];
  return { softmax: exact, linear: approximate, second: other ? slice(other) : approximate.map((value, i) => value - exact[i]) };
}

/** Weights share a scale, so that equal colours mean equal weights; negative weights need a signed one. */
function scalesOf({ softmax, linear, second }, secondName) {
  const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0);
  const isSigned = (values) => values.some((value) => !(value >= 0));
  const maps = [linear, ...(secondName === DIFFERENCE ? [] : [second])];
  const most = Math.max(largest(softmax), ...maps.filter((values) => !isSigned(values)).map(largest));
  const weight = { scale: weightScale(most), least: 0, most, clips: false };
  const around = (bound, values) => ({
    scale: signedScale(bound),
    least: -bound,
    most: bound,
    clips: largest(values) > bound || values.some(Number.isNaN),
  });
  const scaleOf = (values) => (isSigned(values) ? around(most, values) : weight);
  return { softmax: weight, linear: scaleOf(linear), second: secondName === DIFFERENCE ? around(isSigned(linear) ? most : largest(second) || most, second) : scaleOf(second) };
}

function readoutOf({ row, column, hidden, names, values, at }) {
  const place = document.createElement('span');
  place.textContent = `query i = ${row}, key j = ${column}: `;
  if (hidden) return [place, 'hidden: a causal query sees no later key'];
  return [
    place,
    ...kinds.flatMap((kind, i) => {
      const part = document.createElement('span');
      part.className = 'value';
      if (names[kind].role) part.style.color = `var(--${names[kind].role})`;
      part.textContent = `${names[kind].text} ${number(values[kind][at])}`;
      return i ? ['; ', part] : [part];
    }),
  ];
}
