// Images of grey levels in a grid on a canvas, at their own size: style.css enlarges it, and inverts it on a light page.
import { isDark } from '../theme.js';

const GAP = 2;
/** Between images: grey, which a light page's inversion leaves alone. */
const BETWEEN = 'rgb(128 128 128 / 0.35)';
/** What is not painted, in a copy: the page has a hatch there. */
const EMPTY = '#262626';

/**
 * @param {number} side of every image
 * @param {{ across?: number }} [options] the most images in a row
 * @returns {{ canvas: HTMLCanvasElement, update(images: ArrayLike<number>[], position: number | number[], label: string): void,
 *   picture(scale: number): HTMLCanvasElement }} pixels from `position` on, of all images or of each, are left empty
 */
export function createImages(side, { across: most = 5 } = {}) {
  const canvas = document.createElement('canvas');
  canvas.className = 'images';
  canvas.setAttribute('role', 'img');
  const context = canvas.getContext('2d', { willReadFrequently: true });

  return {
    canvas,
    update(images, position, label) {
      const across = Math.min(most, images.length);
      const width = across * (side + GAP) - GAP;
      const height = Math.ceil(images.length / across) * (side + GAP) - GAP;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      context.clearRect(0, 0, width, height);
      context.fillStyle = BETWEEN;
      context.fillRect(0, 0, width, height);
      images.forEach((image, n) => {
        const pixels = context.createImageData(side, side);
        const end = typeof position === 'number' ? position : position[n];
        for (let i = 0; i < end; i++) pixels.data.set([image[i], image[i], image[i], 255], 4 * i);
        context.putImageData(pixels, (n % across) * (side + GAP), Math.floor(n / across) * (side + GAP));
      });
      canvas.dataset.count = images.length;
      canvas.setAttribute('aria-label', label);
    },
    /** A copy as it looks on the page, enlarged. */
    picture(scale) {
      const copy = document.createElement('canvas');
      copy.width = canvas.width * scale;
      copy.height = canvas.height * scale;
      const target = copy.getContext('2d');
      target.imageSmoothingEnabled = false;
      target.fillStyle = EMPTY;
      target.fillRect(0, 0, copy.width, copy.height);
      target.drawImage(canvas, 0, 0, copy.width, copy.height);
      if (!isDark()) {
        target.globalCompositeOperation = 'difference';
        target.fillStyle = 'white';
        target.fillRect(0, 0, copy.width, copy.height);
      }
      return copy;
    },
  };
}
