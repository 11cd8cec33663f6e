// Painters side by side: each column paints the same digits, and the one that has used the least time goes next.
import { createPainter } from '../digits/painter.js';
import { columns } from '../digits/stream.js';

export const raceColumns = Object.keys(columns);
export const digitChoices = ['all ten', ...'0123456789'];
/** What the top half of an image is: left to the model, a real digit's, or the visitor's. */
export const beginnings = ['nothing', 'half a real digit', 'half a digit of yours'];

/** A turn takes about this long, so that all paint at once to the eye. */
const TURN_MS = 25;
/** One row of the image: no turn paints more. */
const MOST_PIXELS = 28;
const WARM_UP = { state: 84, cache: 84, tokens: 6 };
const warm = new Set();

/**
 * A painter for each column.
 * @param {{ models: object, examples: Uint8Array[] }} digits
 * @param {object} options
 * @param {string} options.digit of digitChoices
 * @param {string} options.begin of beginnings
 * @param {Uint8Array} options.sketch the visitor's top half
 * @param {string[]} [options.racing] of raceColumns, those that take part
 */
export function raceBench({ models, examples }, { digit, begin, sketch, seed, temperature, racing = raceColumns }) {
  const classes = digit === digitChoices[0] ? examples.map((_, i) => i) : [Number(digit)];
  const half = models.linear.sizes.length / 2;
  const given = {
    [beginnings[0]]: undefined,
    [beginnings[1]]: classes.map((one) => examples[one].subarray(0, half)),
    [beginnings[2]]: classes.map(() => sketch),
  }[begin];
  const open = (column) => {
    const { model, memory } = columns[column];
    return createPainter(models[model], { memory, classes, seed, temperature, given });
  };
  const painters = {};
  const dispose = () => Object.values(painters).forEach((painter) => painter.dispose());
  try {
    for (const column of racing) painters[column] = open(column);
  } catch (error) {
    dispose();
    throw error;
  }
  const imagesFrom = ({ images }, start, end) => images.map((image) => image.slice(start, end));

  return {
    /** Lets the engine optimise what the painters run, once; returns what is given of every image. */
    warmUp() {
      if (!racing.every((column) => warm.has(column))) {
        for (const column of racing) {
          const painter = open(column);
          painter.paint(WARM_UP[columns[column].memory]);
          painter.dispose();
        }
        racing.forEach((column) => warm.add(column));
      }
      return { racing, classes, given: imagesFrom(painters.linear, 0, painters.linear.position) };
    },
    /** Paints up to `count` more pixels; returns them, image by image, and the milliseconds that they took. */
    paint({ column, count }) {
      const painter = painters[column];
      const before = painter.position;
      const start = performance.now();
      painter.paint(count);
      return { ms: performance.now() - start, levels: imagesFrom(painter, before, painter.position) };
    },
    dispose,
  };
}

/**
 * Runs the race until both that remember are done; recomputing is stopped then.
 * @param bench a raceBench, or the same methods returning promises
 * @yields {{ lanes: object, done: number, total: number }} a lane by column: { images, position, given, ms, done }
 */
export async function* runRace(bench, { length, signal }) {
  if (signal?.aborted) return;
  const { given, racing } = await bench.warmUp();
  const start = given[0].length;
  const lanes = {};
  for (const column of racing) {
    const images = given.map((levels) => {
      const image = new Uint8Array(length);
      image.set(levels);
      return image;
    });
    lanes[column] = { images, given: start, position: start, ms: 0, done: false };
  }
  const unfinished = () => racing.filter((column) => !lanes[column].done);
  const goesOn = () => unfinished().some((column) => columns[column].memory !== 'tokens');
  const counts = Object.fromEntries(racing.map((column) => [column, 1]));
  while (goesOn()) {
    if (signal?.aborted) return;
    const column = unfinished().reduce((least, one) => (lanes[one].ms < lanes[least].ms ? one : least));
    const lane = lanes[column];
    const { ms, levels } = await bench.paint({ column, count: counts[column] });
    const painted = levels[0].length;
    levels.forEach((part, i) => lane.images[i].set(part, lane.position));
    lane.position += painted;
    lane.ms += ms;
    lane.done = lane.position === length;
    counts[column] = Math.max(1, Math.min(MOST_PIXELS, Math.round((TURN_MS * painted) / Math.max(ms, 0.01))));
    const remembering = racing.filter((one) => columns[one].memory !== 'tokens');
    yield { lanes, done: remembering.reduce((sum, one) => sum + lanes[one].position - start, 0), total: remembering.length * (length - start) };
  }
}
