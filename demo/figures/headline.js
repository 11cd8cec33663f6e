// The three numbers under the title: measured first, each by a short task of its own.
import { bytes, duration, integer, number, percent } from '../format.js';
import { priorities } from '../lab.js';
import { bits } from './bits.js';

/** The image that the trained heads look at. */
const DIGIT = 4;

const ratioOf = (ratio, more, less) => (ratio >= 1 ? `${number(ratio)}× ${more}` : `${number(1 / ratio)}× ${less}`);

function crossingText(crossed) {
  if (crossed?.kind === 'crossed') return `linear is faster from ≈ ${integer(crossed.length)} tokens on`;
  return crossed?.kind === 'always' ? 'linear is faster at every length' : 'softmax is faster below';
}

function made(name, textContent, attributes = {}) {
  return Object.assign(document.createElement(name), { textContent, ...attributes });
}

/** Each number: how it is measured, and what is said of it. */
const numbers = {
  time: {
    measure: (lab) => lab.run(priorities.headline, 'headlineTime'),
    figure: ({ softmax, linear }) => ratioOf(softmax / linear, 'faster', 'slower'),
    text: ({ length, softmax, linear, crossed }) => `at ${integer(length)} tokens: linear ${duration(linear)}, softmax ${duration(softmax)}; ${crossingText(crossed)}`,
  },
  memory: {
    measure: (lab) => lab.run(priorities.headline, 'headlineMemory'),
    figure: ({ cache, state }) => ratioOf(cache / state, 'smaller', 'larger'),
    text: ({ length, cache, state }) => `after ${integer(length)} tokens: state ${bytes(state)}, cache of keys and values ${bytes(cache)}`,
  },
  answer: {
    measure: async (lab) => {
      await lab.download(['softmax']);
      return lab.run(priorities.headline, 'headlineAnswer', { digit: DIGIT });
    },
    figure: ({ error }) => [percent(error), made('small', ' if swapped in, '), bits.lost, made('small', ' if trained')],
    text: ({ floor }) => [
      `Swapped into a model trained for softmax, it breaks the answer (averaging all values: ${percent(floor)} off). Trained with it, a model needs ${bits.linear} `,
      made('abbr', 'bits a pixel', { title: 'What it costs to guess each pixel of digits that the model has not seen: fewer is better' }),
      `, with softmax ${bits.softmax}`,
    ],
  },
};

/** Measures and fills in; resolves when all that can be measured is there. */
export async function headline(list, { lab }) {
  const fill = (name, figure, text) => {
    const cell = list.querySelector(`[data-name="${name}"]`);
    cell.querySelector('.figure').replaceChildren(...[figure].flat());
    cell.querySelector('.text').replaceChildren(...[text].flat());
  };
  await lab.ready;
  const start = async ([name, { measure, figure, text }]) => {
    try {
      const measured = await measure(lab);
      fill(name, figure(measured), text(measured));
    } catch (error) {
      fill(name, '–', `could not be measured: ${error.message}`);
    }
  };
  await Promise.all(Object.entries(numbers).map(start));
  list.dataset.state = 'done';
}
