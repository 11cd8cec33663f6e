// Part of the remedy: the digits that teach, and how new ones are painted.
import { integer } from '../format.js';
import { digitCounts, paintLessons } from '../measure/lessons.js';
import { createImages } from '../plots/images.js';

const SIDE = 28;
const LENGTH = SIDE * SIDE;

/**
 * @param {HTMLElement} container
 * @returns {(shown: { images?: Uint8Array[] | null, positions?: number[], count: number }) => void} update: the first `count`
 *   images, each painted up to its position, or wholly
 */
export function createLessonsView(container) {
  const images = createImages(SIDE, { across: 10 });
  container.append(images.canvas);
  const blank = Array.from({ length: digitCounts.at(-1) }, () => new Uint8Array(LENGTH));
  return ({ images: given, positions: reached, count }) => {
    const all = given ?? blank;
    const positions = reached ?? all.map(() => (given ? LENGTH : 0));
    const done = positions.slice(0, count).filter((position) => position === LENGTH).length;
    images.update(all.slice(0, count), positions, `${integer(count)} digits that the softmax model paints, ${done === count ? 'all' : integer(done)} of them painted: the lessons`);
    container.dataset.painted = done;
  };
}

/**
 * Paints the lessons of a seed, unless they are there.
 * @param {(text: string) => void} say
 * @yields {{ images, positions, share }} nothing where they were there
 */
export async function* paintNeeded(lab, { painting, digits }, { signal, say }) {
  let begun = false;
  for await (const painted of lab.bench('lessons', { painting, digits }, (bench) => paintLessons(bench, { signal }))) {
    if (!begun && painted.share === 1) return;
    if (!begun) say('The softmax model paints the lessons …');
    begun = true;
    yield painted;
  }
  if (begun) say('Measuring …');
}
