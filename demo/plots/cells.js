// Numbers as coloured cells on a canvas: a role's colour for what is above 0, grey for what is below, paler towards 0.
import { colour, onTheme } from '../theme.js';

/**
 * A canvas that fills its container, and is drawn anew when that changes.
 * @param {HTMLElement} container
 * @param {string} name for assistive technology; '' hides it
 * @param {(paint: object, width: number) => void} draw in CSS pixels
 */
export function createCells(container, name, draw) {
  const canvas = document.createElement('canvas');
  if (name) canvas.setAttribute('role', 'img');
  if (name) canvas.setAttribute('aria-label', name);
  else canvas.setAttribute('aria-hidden', 'true');
  container.replaceChildren(canvas);
  const context = canvas.getContext('2d');

  const redraw = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0) return;
    const unit = devicePixelRatio;
    const [across, down] = [Math.round(width * unit), Math.round(height * unit)];
    if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
    context.setTransform(unit, 0, 0, unit, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(painterOf(context), width, height);
  };
  new ResizeObserver(redraw).observe(canvas);
  onTheme(redraw);
  return { canvas, redraw };
}

const painterOf = (context) => ({
  /** Numbers [rows, columns] from (left, top) on; `most` has the full colour. */
  grid(values, { left, top, rows, columns, width, height = width, role, most, gap = 0 }) {
    const [above, below] = [colour(role), colour('muted')];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const value = values[i * columns + j];
        context.globalAlpha = Math.min(1, Math.abs(value) / most) ** 0.7;
        context.fillStyle = value < 0 ? below : above;
        context.fillRect(left + j * width, top + i * height, width - gap, height - gap);
      }
    }
    context.globalAlpha = 1;
  },
  frame(left, top, width, height, role = 'control') {
    context.strokeStyle = colour(role);
    context.lineWidth = 1;
    context.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  },
  bar(left, top, width, height, role) {
    context.fillStyle = colour(role);
    context.fillRect(left, top, width, height);
  },
  /** Points [x, y] joined. */
  line(points, role) {
    context.strokeStyle = colour(role);
    context.lineWidth = 2;
    context.beginPath();
    points.forEach(([x, y], i) => context[i ? 'lineTo' : 'moveTo'](x, y));
    context.stroke();
  },
  text(text, x, y, role = 'muted', align = 'left') {
    context.font = '13px "Source Sans 3", system-ui, sans-serif';
    context.textAlign = align;
    context.fillStyle = colour(role);
    context.fillText(text, x, y);
  },
});
