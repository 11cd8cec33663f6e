// A pad for the top half of a digit, drawn with a pointer.

const INK = 255;
/** In pixels of the image: the strokes of MNIST are about this wide. */
const RADIUS = 1.35;

/**
 * @param {HTMLElement} container
 * @param {{ side: number, onFinish(): void }} options onFinish: the visitor wants it completed
 * @returns {{ levels(): Uint8Array, hasInk(): boolean, show(visible: boolean): void }} levels of the top half
 */
export function createSketch(container, { side, onFinish }) {
  const rows = side / 2;
  const levels = new Uint8Array(side * rows);
  container.innerHTML = `
    <canvas width="${side}" height="${side}" role="img" aria-label="Drawing pad: draw the top half of a digit with a pointer"></canvas>
    <div>
      <p>Draw the top half of a digit here; the models see nothing else, and paint the rest. Choose the digit that it is, or all ten.</p>
      <button type="button" class="finish">Finish it</button> <button type="button" class="clear">Clear</button>
    </div>`;
  const finish = container.querySelector('.finish');
  const canvas = container.querySelector('canvas');
  const context = canvas.getContext('2d');
  let last = null;

  const hasInk = () => levels.some((level) => level > 0);
  const draw = () => {
    finish.disabled = !hasInk();
    const pixels = context.createImageData(side, rows);
    for (let i = 0; i < levels.length; i++) pixels.data.set([levels[i], levels[i], levels[i], 255], 4 * i);
    context.putImageData(pixels, 0, 0);
  };
  const dab = (x, y) => {
    for (let row = Math.max(0, Math.floor(y - RADIUS - 1)); row < Math.min(rows, y + RADIUS + 1); row++) {
      for (let column = Math.max(0, Math.floor(x - RADIUS - 1)); column < Math.min(side, x + RADIUS + 1); column++) {
        const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const level = Math.round(INK * Math.min(1, Math.max(0, RADIUS + 0.5 - distance)));
        levels[row * side + column] = Math.max(levels[row * side + column], level);
      }
    }
  };
  const stroke = (event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
    const from = last ?? [x, y];
    const steps = Math.max(1, Math.ceil(Math.hypot(x - from[0], y - from[1]) * 2));
    for (let i = 1; i <= steps; i++) dab(from[0] + ((x - from[0]) * i) / steps, from[1] + ((y - from[1]) * i) / steps);
    last = [x, y];
    draw();
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(event);
  });
  canvas.addEventListener('pointermove', (event) => event.buttons && stroke(event));
  canvas.addEventListener('pointerup', () => (last = null));
  container.querySelector('.clear').addEventListener('click', () => {
    levels.fill(0);
    draw();
  });
  finish.addEventListener('click', onFinish);
  draw();
  return { levels: () => levels.slice(), hasInk, show: (visible) => (container.hidden = !visible) };
}
