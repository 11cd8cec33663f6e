// A figure as a PNG: title, plots with their legends, and where it was measured, on the page's background.
import { colour } from '../theme.js';
import { markerPath } from './markers.js';
import { wrap } from './wrap.js';

const FAMILY = '"Source Sans 3", system-ui, sans-serif';
const MARGIN = 20; // CSS pixels, as below
const LINE = 22;
const SAMPLE = { width: 28, gap: 6, after: 20 };

/** @param {{ title: string, charts: Array<{ canvas: HTMLCanvasElement, title: string, series: object[] }>, notes: string[] }} figure */
export async function drawPicture({ title, charts, notes }) {
  const unit = devicePixelRatio;
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  const width = Math.max(...charts.map((chart) => chart.canvas.width)) / unit;
  const parts = [
    textPart(context, title, { size: 17, weight: 600, role: 'text', width }),
    ...charts.flatMap((chart) => [
      textPart(context, chart.title, { size: 13, role: 'muted', width }),
      legendPart(context, chart.series.filter(({ faint }) => !faint), width),
      plotPart(context, chart.canvas, unit),
    ]),
    ...notes.map((note) => textPart(context, note, { size: 12, role: 'muted', width })),
  ];

  canvas.width = Math.round((width + 2 * MARGIN) * unit);
  canvas.height = Math.round((parts.reduce((sum, { height }) => sum + height, 0) + 2 * MARGIN) * unit);
  context.fillStyle = colour('background');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(unit, unit);
  context.translate(MARGIN, MARGIN);
  let top = 0;
  for (const { height, draw } of parts) {
    draw(top);
    top += height;
  }
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}

/** Lines of text: how high they are, and how they are drawn from a top on. */
function textPart(context, text, { size, weight = 400, role, width }) {
  const font = `${weight} ${size}px ${FAMILY}`;
  context.font = font;
  const widthOf = (word) => context.measureText(word).width;
  const lines = wrap(text.split(' '), widthOf, { room: width, gap: widthOf(' ') });
  return {
    height: lines.length * LINE,
    draw(top) {
      context.font = font;
      context.fillStyle = colour(role);
      lines.forEach((words, i) => context.fillText(words.join(' '), 0, top + (i + 0.7) * LINE));
    },
  };
}

function plotPart(context, canvas, unit) {
  const [width, height] = [canvas.width / unit, canvas.height / unit];
  return {
    height: height + LINE / 2,
    draw: (top) => context.drawImage(canvas, 0, Math.round(top * unit) / unit, width, height), // pixel on pixel
  };
}

function legendPart(context, series, width) {
  const font = `13px ${FAMILY}`;
  context.font = font;
  const widthOf = ({ label }) => SAMPLE.width + SAMPLE.gap + context.measureText(label).width;
  const lines = wrap(series, widthOf, { room: width, gap: SAMPLE.after });
  return {
    height: (lines.length + 0.2) * LINE,
    draw(top) {
      context.font = font;
      lines.forEach((entries, i) => {
        let left = 0;
        for (const entry of entries) {
          drawEntry(context, entry, left, top + (i + 0.7) * LINE);
          left += widthOf(entry) + SAMPLE.after;
        }
      });
    },
  };
}

function drawEntry(context, { role, label, dash, shape, line = true }, left, baseline) {
  const middle = baseline - 4;
  context.save();
  context.strokeStyle = context.fillStyle = colour(role);
  context.lineWidth = 2;
  context.setLineDash(dash ?? []);
  context.beginPath();
  context.moveTo(left, middle);
  context.lineTo(left + SAMPLE.width, middle);
  if (line) context.stroke();
  if (shape) context.fill(markerPath(shape, left + SAMPLE.width / 2, middle, 4));
  context.fillText(label, left + SAMPLE.width + SAMPLE.gap, baseline);
  context.restore();
}
