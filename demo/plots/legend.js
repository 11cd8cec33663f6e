// A legend of line samples with names, which also reads out the values under the plot's cursor.
import { markerSvg } from './markers.js';

/** @returns {{ element: HTMLElement, update(series): void, read(at: string | null, values?: string[]): void, text(): string }} text: what it reads out */
export function createLegend() {
  const element = document.createElement('ul');
  element.className = 'legend';
  let outputs = [];
  const place = document.createElement('li');
  place.className = 'at';

  return {
    element,
    update(series) {
      outputs = series.map(() => null);
      const items = series.flatMap(({ role, label, shape, dash, faint, quiet, line = true }, index) => {
        if (faint || quiet) return [];
        const item = document.createElement('li');
        item.style.setProperty('--role', `var(--${role})`);
        item.innerHTML = `<svg width="30" height="12" aria-hidden="true">${line ? `<line x1="1" y1="6" x2="29" y2="6" stroke-dasharray="${dash?.join(' ') ?? ''}"/>` : ''}${shape ? markerSvg(shape) : ''}</svg>`;
        const name = document.createElement('span');
        name.textContent = label;
        const value = document.createElement('span');
        value.className = 'value';
        item.append(name, value);
        outputs[index] = value;
        return [item];
      });
      if (series.some((one) => one.faint)) {
        const item = document.createElement('li');
        item.className = 'note';
        item.textContent = 'faint: the previous run';
        items.push(item);
      }
      element.replaceChildren(...items, place);
    },
    read(at, values = []) {
      place.textContent = at === null ? '' : `at ${at}`;
      outputs.forEach((output, index) => output && (output.textContent = values[index] ?? ''));
    },
    text: () => [place.textContent, ...outputs.filter((output) => output?.textContent).map((output) => `${output.previousSibling.textContent} ${output.textContent}`)].join(', '),
  };
}
