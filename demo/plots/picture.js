// A figure as a PNG: title, plots with their legends, and where it was measured, on the page's background.
import { colour } from '../theme.js';
import { markerPath } from './markers.js';

const FAMILY = '"Source Sans 3", system-ui, sans-serif';

/** @param {{ title: string, charts: Array<{ canvas: HTMLCanvasElement, title: string, series: object[] }>, note: string }} figure */
export async function drawPicture({ title, charts, note }) {
  const unit = devicePixelRatio;
  const margin = 20 * unit;
  const line = 22 * unit;
  const width = Math.max(...charts.map(({ canvas }) => canvas.width)) + 2 * margin;
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  const font = (size, weight = 400) => (context.font = `${weight} ${size * unit}px ${FAMILY}`);
  font(12);
  const noteLines = wrap(context, note, width - 2 * margin);
  canvas.width = width;
  canvas.height =
    2 * margin + 1.5 * line + charts.reduce((sum, chart) => sum + chart.canvas.height + 2.5 * line, 0) + noteLines.length * line;

  context.fillStyle = colour('background');
  context.fillRect(0, 0, canvas.width, canvas.height);
  let top = margin + line * 0.7;
  context.fillStyle = colour('text');
  font(17, 600);
  context.fillText(title, margin, top);
  top += line;
  for (const chart of charts) {
    font(13);
    context.fillStyle = colour('muted');
    context.fillText(chart.title, margin, top);
    top += line;
    drawLegend(
      context,
      chart.series.filter(({ faint }) => !faint),
      margin,
      top,
      unit,
    );
    top += line * 0.5;
    context.drawImage(chart.canvas, margin, top);
    top += chart.canvas.height + line;
  }
  font(12);
  context.fillStyle = colour('muted');
  noteLines.forEach((text, i) => context.fillText(text, margin, top + i * line));
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}

function drawLegend(context, series, left, baseline, unit) {
  let at = left;
  for (const { role, label, dash, shape } of series) {
    context.save();
    context.strokeStyle = context.fillStyle = colour(role);
    context.lineWidth = 2 * unit;
    context.setLineDash((dash ?? []).map((length) => length * unit));
    context.beginPath();
    context.moveTo(at, baseline - 4 * unit);
    context.lineTo(at + 28 * unit, baseline - 4 * unit);
    context.stroke();
    if (shape) context.fill(markerPath(shape, at + 14 * unit, baseline - 4 * unit, 4 * unit));
    context.fillText(label, at + 34 * unit, baseline);
    context.restore();
    at += 34 * unit + context.measureText(label).width + 20 * unit;
  }
}

function wrap(context, text, width) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (context.measureText(longer).width > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
