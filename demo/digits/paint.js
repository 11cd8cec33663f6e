// Whole images of a seed, painted in batches.
import { createPainter } from './painter.js';

/** Images painted side by side: more share a pass over the weights, and need more memory. */
const TOGETHER = 16;

/**
 * @param {object} model
 * @param {{ count?: number, digit?: number, seed?: number, temperature?: number }} options `digit`: paint this one alone,
 *   else 0, 1, … 9, 0 …
 * @returns {{ images: Uint8Array[], classes: number[], seconds: number }}
 */
export function paintImages(model, { count = 10, digit, seed = 7, temperature = 1 }) {
  const memory = model.kind === 'linear' ? 'state' : 'cache';
  const classes = Array.from({ length: count }, (_, i) => digit ?? i % 10);
  const images = [];
  const start = performance.now();
  for (let first = 0; first < count; first += TOGETHER) {
    const painter = createPainter(model, { memory, classes: classes.slice(first, first + TOGETHER), seed, first, temperature });
    try {
      painter.paint(model.sizes.length);
      images.push(...painter.images);
    } finally {
      painter.dispose();
    }
  }
  return { images, classes, seconds: (performance.now() - start) / 1000 };
}
