// The digits that teach: the softmax model painted them, as they are shipped or anew from a seed.
import { createPainter } from '../digits/painter.js';

/** The shipped ones are those of this seed. */
export const SHIPPED = 0;
export const digitCounts = [10, 20, 30];
/** Painted side by side: each stream keeps its keys and values meanwhile. */
const TOGETHER = 10;
/** A row of the image a turn, between which a cancel comes. */
const PIXELS = 28;

/**
 * @param {{ models: object, painted: Int32Array[] }} digits read when lessons are asked for
 * @returns {{ of(options: { painting?: number, digits: number }): Int32Array[] | null, bench: Function }} of: at least so many
 *   sequences [class, pixel 0, pixel 1 …] of a seed, null where they are not painted yet; bench: paints them
 */
export function createLessons(digits) {
  let kept = { painting: SHIPPED, list: [] };
  const listOf = (painting = SHIPPED) => {
    if (painting === SHIPPED) return digits.painted;
    return kept.painting === painting ? kept.list : [];
  };
  const of = ({ painting, digits: count }) => (listOf(painting).length < count ? null : listOf(painting));

  /** @param {object} options painting, the seed, and digits, how many: those that are missing are painted */
  const bench = (_, { painting, digits: count }) => {
    const model = digits.models.softmax;
    const { length } = model.sizes;
    const list = [...listOf(painting)];
    let painter = null;
    const finish = () => {
      list.push(...painter.images.map((image, n) => Int32Array.of((list.length + n) % 10, ...image)));
      kept = { painting, list };
      painter.dispose();
      painter = null;
    };
    return {
      /** Paints more pixels of some of the digits; returns all of them, how many pixels each has, and the share that is done. */
      paint() {
        const first = list.length;
        if (first < count) {
          const classes = Array.from({ length: Math.min(TOGETHER, count - first) }, (__, n) => (first + n) % 10);
          painter ??= createPainter(model, { memory: 'cache', classes, seed: painting, first });
          painter.paint(PIXELS);
        }
        const images = [...imagesOf(list), ...(painter?.images ?? []).map((image) => image.slice())];
        const positions = images.map((__, n) => (n < first ? length : painter.position));
        while (images.length < count) images.push(new Uint8Array(length));
        while (positions.length < count) positions.push(0);
        if (painter?.done) finish();
        return { images, positions, share: list.length >= count ? 1 : positions.reduce((sum, position) => sum + position, 0) / (count * length) };
      },
      dispose: () => painter?.dispose(),
    };
  };
  return { of, bench };
}

/** Sequences without their classes, as grey levels. */
export const imagesOf = (list) => list.map((tokens) => Uint8Array.from(tokens.subarray(1)));

/**
 * Paints what is missing of the lessons.
 * @param bench of createLessons, or the same methods returning promises
 * @yields {{ images: Uint8Array[], positions: number[], share: number }}
 */
export async function* paintLessons(bench, { signal }) {
  for (let share = 0; share < 1; ) {
    if (signal?.aborted) return;
    const painted = await bench.paint();
    share = painted.share;
    yield painted;
  }
}
