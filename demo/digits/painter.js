// Digits pixel by pixel: each pixel is drawn from what the model says, then fed back to it.
import { sampler } from 'linear-attention-wasm/nn';
import { openStream } from './stream.js';

/**
 * Paints one image per class, all together. Image i of a seed is the same whatever is painted beside it.
 * @param {object} model
 * @param {object} options
 * @param {'state' | 'cache' | 'tokens'} options.memory
 * @param {ArrayLike<number>} options.classes the digits
 * @param {number} options.seed
 * @param {number} [options.first] the number of the first image within the seed
 * @param {number} [options.temperature] 1 draws as the model says, lower more cautiously, 0 the likeliest
 * @param {ArrayLike<number>[]} [options.given] the leading grey levels of each image, left as they are; equally many of each
 */
export function createPainter(model, { memory, classes, seed, first = 0, temperature = 1, given }) {
  const batch = classes.length;
  const size = model.sizes.length;
  const draws = sampler(model.attention, { batch, seed, stream: first, temperature });
  let stream;
  try {
    stream = openStream(model, { batch, memory });
  } catch (error) {
    draws.dispose();
    throw error;
  }
  const images = Array.from({ length: batch }, () => new Uint8Array(size));
  let position = given?.[0].length ?? 0;
  let tokens = new Int32Array(batch * (position + 1));
  for (let b = 0; b < batch; b++) {
    tokens[b * (position + 1)] = classes[b];
    if (!given) continue;
    tokens.set(given[b], b * (position + 1) + 1);
    images[b].set(given[b]);
  }

  return {
    images,
    /** Bytes that one image's stream holds between pixels. */
    bytes: stream.bytes,
    /** Pixels that every image has so far. */
    get position() {
      return position;
    },
    get done() {
      return position === size;
    },
    /** Paints up to `count` more pixels of every image. */
    paint(count) {
      for (const end = Math.min(position + count, size); position < end; position++) {
        tokens = draws.sample(stream.feed(tokens));
        for (let b = 0; b < batch; b++) images[b][position] = tokens[b];
      }
    },
    dispose() {
      stream.dispose();
      draws.dispose();
    },
  };
}
