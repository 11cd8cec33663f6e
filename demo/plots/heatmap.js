// A square matrix as a heat map on a canvas; the row and the cell in focus are outlined.
import { colour, onTheme } from '../theme.js';

/**
 * @param {HTMLElement} container gets the canvas
 * @param {{ onCell?(row: number, column: number): void }} [options] called when the pointer is over a cell
 */
export function createHeatmap(container, { onCell } = {}) {
  const canvas = document.createElement('canvas');
  canvas.setAttribute('role', 'img');
  container.replaceChildren(canvas);
  let view = null;

  const draw = () => {
    if (!view || canvas.clientWidth === 0) return;
    const { size, values, paint, row, column } = view;
    const unit = devicePixelRatio;
    const side = Math.round(canvas.clientWidth * unit);
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext('2d');
    const edge = (i) => Math.round((i * side) / size);
    context.clearRect(0, 0, side, side);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        const fill = paint(values[i * size + j], i, j);
        if (!fill) continue;
        context.fillStyle = fill;
        context.fillRect(edge(j), edge(i), edge(j + 1) - edge(j), edge(i + 1) - edge(i));
      }
    }
    if (row === undefined) return;
    outline(context, 0, edge(row), side, edge(row + 1) - edge(row), unit);
    outline(context, edge(column), edge(row), edge(column + 1) - edge(column), edge(row + 1) - edge(row), 2 * unit);
  };

  const point = (event) => {
    if (!view) return;
    const box = canvas.getBoundingClientRect();
    const index = (offset, length) => Math.min(view.size - 1, Math.max(0, Math.floor((offset / length) * view.size)));
    onCell(index(event.clientY - box.top, box.height), index(event.clientX - box.left, box.width));
  };
  if (onCell) for (const event of ['pointermove', 'pointerdown']) canvas.addEventListener(event, point);
  new ResizeObserver(draw).observe(canvas);
  onTheme(draw);

  return {
    canvas,
    /**
     * @param {{ size: number, values: ArrayLike<number>, paint(value, row, column): string | null,
     *   row?: number, column?: number, label: string }} next values are [size, size]; label says it in words; nothing is outlined without a row
     */
    update(next) {
      view = next;
      canvas.setAttribute('aria-label', next.label);
      draw();
    },
  };
}

/** Two strokes, so that it shows on dark and on light cells. */
function outline(context, left, top, width, height, thickness) {
  for (const [role, grow] of [
    ['background', thickness],
    ['text', 0],
  ]) {
    context.strokeStyle = colour(role);
    context.lineWidth = thickness;
    context.strokeRect(
      left - grow + thickness / 2,
      top - grow + thickness / 2,
      width + 2 * grow - thickness,
      height + 2 * grow - thickness,
    );
  }
}
