// The names of the series at the ends of their lines, where there is room beside the plot.
import { colour } from '../theme.js';

const FONT = '"Source Sans 3", system-ui, sans-serif';
const SIZE = 13;
const LINE = 14;
const AWAY = 9;
/** Narrower plots have no room to spare. */
const LEAST_WIDTH = 520;

const named = (series) => series.filter(({ faint, quiet, line = true, points }) => !faint && !quiet && line && points.length > 1);
const nameOf = ({ end, label }) => end ?? label;

const measure = document.createElement('canvas').getContext('2d');

/** CSS pixels that the names need beside a plot of a width. */
export function roomForEnds(series, width) {
  if (width < LEAST_WIDTH) return 12;
  measure.font = `${SIZE}px ${FONT}`;
  return Math.max(12, ...series.filter(({ faint, quiet, line = true }) => !faint && !quiet && line).map((one) => measure.measureText(nameOf(one)).width + AWAY + 4));
}

export function drawEnds(plot, series, unit) {
  const { ctx, bbox } = plot;
  if (plot.width < LEAST_WIDTH) return;
  const labels = named(series).map((one) => {
    const { x, y, clipped } = one.points.at(-1);
    const top = clipped ? bbox.top + 6 * unit : plot.valToPos(y, 'y', true);
    return { text: nameOf(one), role: one.role, left: Math.min(plot.valToPos(x, 'x', true), bbox.left + bbox.width) + AWAY * unit, top };
  });
  labels.sort((a, b) => a.top - b.top);
  const [first, last] = [bbox.top + 4 * unit, bbox.top + bbox.height];
  // Pushed down until they are apart, then up from the bottom edge.
  labels.forEach((label, i) => (label.top = Math.max(label.top, i ? labels[i - 1].top + LINE * unit : first)));
  for (let i = labels.length - 1; i >= 0; i--) labels[i].top = Math.min(labels[i].top, i + 1 < labels.length ? labels[i + 1].top - LINE * unit : last);
  ctx.save();
  ctx.font = `${SIZE * unit}px ${FONT}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.lineWidth = 3 * unit;
  ctx.strokeStyle = colour('background');
  for (const { text, role, left, top } of labels) {
    ctx.strokeText(text, left, top);
    ctx.fillStyle = colour(role);
    ctx.fillText(text, left, top);
  }
  ctx.restore();
}
