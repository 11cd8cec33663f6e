// The three sentences under the title, filled in as the figures measure them.
import { bytes, duration, integer, number, percent } from '../format.js';

/** @returns {(news: { gap?: object, time?: object, stream?: object }) => void} null for what could not be measured */
export function headline(list) {
  const fill = (name, figure, text) => {
    const cell = list.querySelector(`[data-name="${name}"]`);
    cell.querySelector('.figure').textContent = figure;
    cell.querySelector('.text').textContent = text;
  };
  return ({ gap, time, stream }) => {
    for (const [name, news] of Object.entries({ gap, time, stream })) if (news === null) fill(name, '–', 'could not be measured');
    if (time) {
      const ratio = time.softmax / time.linear;
      fill(
        'time',
        ratio >= 1 ? `${number(ratio)}× faster` : `${number(1 / ratio)}× slower`,
        `at T = ${integer(time.length)}: linear (${time.map}) ${duration(time.linear)}, softmax ${duration(time.softmax)}`,
      );
    }
    if (stream) {
      const ratio = stream.cache / stream.state;
      fill(
        'stream',
        ratio >= 1 ? `${number(ratio)}× smaller` : `${number(1 / ratio)}× larger`,
        `after ${integer(stream.length)} tokens: state ${bytes(stream.state)}, cache of keys and values ${bytes(stream.cache)}`,
      );
    }
    if (gap) {
      fill(
        'gap',
        `${percent(gap.error)} off`,
        `at T = ${integer(gap.length)}: the distance of linear (${gap.map}) from softmax’s answer on ${gap.trained ? 'heads of a trained model' : 'random inputs'}; averaging V is ${percent(gap.floor)} off`,
      );
    }
  };
}
