// A line plot: uPlot with our axes, markers, theme and size, and a legend that reads out the point under the cursor.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { colour, onTheme } from '../theme.js';
import { binarySteps, scaleOf, splitsOf } from './axes.js';
import { drawEnds, roomForEnds } from './ends.js';
import { createLegend } from './legend.js';
import { BEYOND, markerPath } from './markers.js';

const FONT = '13px "Source Sans 3", system-ui, sans-serif';
const FAINT = 0.28;

/**
 * @param {HTMLElement} container is emptied; gets the axis title, the legend and the plot
 * @param {object} options
 * @param {{ label: string, log?: 2 | 10, binary?: boolean, format(value): string, range?(): number[], also?(): number[] }} options.x
 * @param {object} options.y as x; its label stands above the plot
 * @param {number} [options.height] CSS pixels
 */
export function createChart(container, { x, y, height = 300 }) {
  const title = element('p', 'axis-title', y.label);
  const legend = createLegend();
  const stage = element('div', 'stage');
  const spoken = element('p', 'spoken');
  spoken.setAttribute('aria-live', 'polite');
  stage.setAttribute('role', 'application');
  stage.setAttribute('aria-roledescription', 'plot');
  stage.tabIndex = 0;
  container.replaceChildren(title, legend.element, stage, spoken);

  let shown = { series: [], marks: [] };
  let plot = null;
  let structure = '';
  let room = 0;

  const rebuild = () => {
    plot?.destroy();
    room = roomForEnds(shown.series, stage.clientWidth);
    plot = new uPlot(
      {
        width: Math.max(200, stage.clientWidth),
        height,
        padding: [10, room, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: false } },
        scales: { x: scaleOf(x), y: scaleOf(y) },
        axes: [axis(x, { size: 50, room: 58, label: x.label }), axis(y, { size: 62, room: 34 })],
        series: [{}, ...shown.series.map(lineOf), ...bandEdges(shown.series).map(() => ({ show: true, stroke: 'transparent', points: { show: false }, spanGaps: true }))],
        bands: bandsOf(shown.series),
        hooks: {
          draw: [(self) => drawMarks(self, shown.marks), (self) => drawMarkers(self, shown.series), (self) => drawEnds(self, shown.series, uPlot.pxRatio)],
          setCursor: [(self) => readOut(self)],
        },
      },
      align(shown.series),
      stage,
    );
  };

  const readOut = ({ cursor, data }) => {
    const index = cursor.left >= 0 ? cursor.idx : null;
    if (index === null || index === undefined) return legend.read(null);
    const at = data[0][index];
    legend.read(
      x.format(at),
      shown.series
        .map((series) => series.points.find((point) => point.x === at))
        .map((point) => (point ? y.format(point.value ?? point.y) : '')),
    );
  };

  /** The cursor by keyboard: arrow keys go from point to point and say what is there, Escape leaves. */
  stage.addEventListener('keydown', (event) => {
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = plot.data[0].length - 1;
    const at = plot.cursor.left >= 0 ? plot.cursor.idx : null;
    const to = { ArrowLeft: (at ?? last + 1) - 1, ArrowRight: (at ?? -1) + 1, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    const index = to === null ? null : Math.min(last, Math.max(0, to));
    plot.setCursor(index === null ? { left: -10, top: -10 } : { left: plot.valToPos(plot.data[0][index], 'x'), top: 0 });
    spoken.textContent = index === null ? '' : legend.text();
  });

  new ResizeObserver(() => {
    if (stage.clientWidth === 0 || !plot) return;
    // A plot that became narrow has no room for names at its ends, and needs none.
    if (roomForEnds(shown.series, stage.clientWidth) === room) plot.setSize({ width: stage.clientWidth, height });
    else rebuild();
  }).observe(stage);
  onTheme(() => plot?.redraw(false));

  return {
    /**
     * @param {object} view
     * @param {Array<{ role: string, label: string, shape?: string, dash?: number[], end?: string, faint?: boolean, quiet?: boolean, line?: boolean, size?: number, width?: number,
     *   band?: boolean, points: Array<{ x: number, y: number, value?: number, clipped?: boolean, low?: number, high?: number }> }>} view.series
     *   `end` is a shorter label for the end of the line; a series with a band fills it between low and high; a quiet one has no place in the legend; without a line it is
     *   its markers, of a radius `size`;
     *   a clipped point lies above the plot: it is an arrow at its upper edge, and read out as `value`
     * @param {Array<{ x: number, label?: string, role?: string }>} [view.marks] vertical lines
     * @param {string} view.summary what the plot shows, in words
     */
    update({ series, marks = [], summary }) {
      shown = { series, marks };
      stage.setAttribute('aria-label', summary);
      const wanted = series.map(({ role, label, faint, band, quiet, line }) => `${role} ${label} ${faint} ${band} ${quiet} ${line}`).join('|');
      if (wanted !== structure || plot === null) {
        structure = wanted;
        legend.update(series);
        rebuild();
      } else {
        plot.setData(align(series));
      }
    },
    /** For a picture of the figure. */
    picture: () => ({ canvas: plot.ctx.canvas, title: y.label, series: shown.series.filter(({ quiet }) => !quiet) }),
  };
}

function axis(description, { size, room, label }) {
  return {
    stroke: () => colour('muted'),
    font: FONT,
    labelFont: FONT,
    label,
    labelSize: label ? 22 : 0,
    size: label ? size - 22 : size,
    gap: 6,
    grid: { stroke: () => colour('grid'), width: 1 },
    ticks: { stroke: () => colour('grid'), width: 1, size: 4 },
    border: { show: true, stroke: () => colour('grid'), width: 1 },
    space: room,
    splits: splitsOf(description, room),
    incrs: description.binary ? binarySteps : undefined,
    values: (_, splits) => splits.map((value) => description.format(value)),
    filter: (_, splits) => splits,
  };
}

function lineOf({ role, dash, faint, line = true, width = 2 }) {
  return {
    ...(!line && { paths: () => null }),
    stroke: () => colour(role),
    width,
    dash,
    alpha: faint ? FAINT : 1,
    spanGaps: false,
    points: { show: false },
  };
}

/** The edges of every band, as uPlot wants them: series of their own, after all others. */
const bandEdges = (series) => series.filter(({ band }) => band).flatMap(({ points }) => ['high', 'low'].map((edge) => ({ points, edge })));

const bandsOf = (series) =>
  series
    .filter(({ band }) => band)
    .map(({ role, faint }, i) => ({
      series: [1 + series.length + 2 * i, 2 + series.length + 2 * i],
      fill: () => colour(role) + (faint ? '14' : '38'),
    }));

/** uPlot wants one x array for all series: it passes over what is undefined, and breaks the line at null, beyond the plot. */
function align(series) {
  const xs = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b);
  const column = (points, quantity) => {
    const at = new Map(points.map((point) => [point.x, quantity === 'y' && point.clipped ? null : point[quantity]]));
    return xs.map((value) => at.get(value));
  };
  return [xs, ...series.map(({ points }) => column(points, 'y')), ...bandEdges(series).map(({ points, edge }) => column(points, edge))];
}

function drawMarkers(plot, series) {
  const { ctx, bbox } = plot;
  const unit = uPlot.pxRatio;
  const arrows = new Map(); // at each x, so that none hides another
  for (const { role, shape, faint, size = 4, points } of series) {
    if (!shape) continue;
    ctx.save();
    ctx.globalAlpha = faint ? FAINT : 1;
    ctx.fillStyle = colour(role);
    ctx.strokeStyle = colour('background');
    ctx.lineWidth = unit;
    for (const point of points) {
      const before = (point.clipped && arrows.get(point.x)) || 0;
      if (point.clipped && !faint) arrows.set(point.x, before + 1);
      const left = plot.valToPos(point.x, 'x', true) + 7 * before * unit;
      if (left < bbox.left - unit || left > bbox.left + bbox.width + unit) continue;
      const top = point.clipped ? bbox.top + 6 * unit : plot.valToPos(point.y, 'y', true);
      const path = markerPath(point.clipped ? BEYOND : shape, left, top, (point.clipped ? 6 : size) * unit);
      ctx.stroke(path);
      ctx.fill(path);
    }
    ctx.restore();
  }
}

function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  const unit = uPlot.pxRatio;
  const labelled = []; // the right ends of labels, from the lowest row up: one that would meet another goes above it
  for (const { x, label, role = 'muted' } of marks) {
    const left = plot.valToPos(x, 'x', true);
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour(role);
    ctx.lineWidth = unit;
    ctx.setLineDash([2 * unit, 3 * unit]);
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    if (label) {
      ctx.font = `${13 * unit}px "Source Sans 3", system-ui, sans-serif`;
      const width = ctx.measureText(label).width;
      const fits = left + width + 8 * unit < bbox.left + bbox.width;
      const start = fits ? left + 6 * unit : left - 6 * unit - width;
      const free = labelled.findIndex((end) => end < start);
      const row = free < 0 ? labelled.length : free;
      labelled[row] = start + width + 4 * unit;
      ctx.textAlign = 'left';
      ctx.setLineDash([]);
      ctx.lineWidth = 4 * unit;
      ctx.strokeStyle = colour('background');
      for (const paint of ['strokeText', 'fillText']) ctx[paint](label, start, bbox.top + bbox.height - (8 + 15 * row) * unit);
    }
    ctx.restore();
  }
}

function element(name, className, text = '') {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
