// Images of grey levels side by side, as a PNG file.
import { encode } from 'fast-png';

const PER_ROW = 10;
const SCALE = 3;
const MARGIN = 6;

/** @param {ArrayLike<number>[]} images each side × side grey levels, white ink on black */
export function toPng(images, side) {
  const across = Math.min(PER_ROW, images.length);
  const cell = side * SCALE + MARGIN;
  const width = across * cell + MARGIN;
  const height = Math.ceil(images.length / across) * cell + MARGIN;
  const data = new Uint8Array(width * height).fill(255);
  images.forEach((image, n) => {
    const [left, top] = [MARGIN + (n % across) * cell, MARGIN + Math.floor(n / across) * cell];
    for (let y = 0; y < side * SCALE; y++) {
      for (let x = 0; x < side * SCALE; x++) {
        data[(top + y) * width + left + x] = 255 - image[Math.floor(y / SCALE) * side + Math.floor(x / SCALE)];
      }
    }
  });
  return encode({ width, height, data, channels: 1, depth: 8 });
}
