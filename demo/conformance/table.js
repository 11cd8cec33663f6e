// The table of results: a row for each check, a column for each build that runs here.
import { duration, percent } from '../format.js';

/** Suites that are called otherwise on the page. */
const names = {
  softmax: 'softmax attention',
  linear: 'linear attention',
  family: 'decay and delta rule',
  scaled: 'exponents out of range',
  ratio: 'sums out of range',
  packed: 'packed sequences',
  pieces: 'large calls in pieces',
  presets: 'published models',
  onnx: 'ONNX operator',
  state: 'recurrent state',
  gap: 'gap and weights',
  properties: 'invariants',
  lifetime: 'disposal',
  nn: 'layers of models',
  bits: 'bits',
};

export const nameOf = (title) => names[title] ?? title;

const labels = { 'simd-threads': 'simd, 2 threads', 'relaxed-threads': 'relaxed, 3 threads' };
export const labelOf = (build) => labels[build] ?? build;

/** The largest error as a part of its bound. */
export const shareOf = ({ error, bound }) => (error === 0 ? 0 : error / bound);

function shareText(worst) {
  if (!worst) return '';
  const share = shareOf(worst);
  if (share > 10) return `${percent(share)}`;
  return share > 0 && share < 0.01 ? '< 1 %' : `${Math.round(share * 100)} %`;
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const rowOf = (head, cells) => {
  const row = document.createElement('tr');
  row.append(head, ...cells);
  return row;
};

/** `by`: what recorded the bits. */
export function createTable(holder, { titles, builds, by }) {
  const table = document.createElement('table');
  const cells = new Map();
  const times = new Map();
  const key = (title, build) => `${title}\n${build}`;

  const head = builds.map((build) => element('th', labelOf(build), { scope: 'col' }));
  table.createTHead().append(rowOf(element('th', 'check', { scope: 'col' }), head));
  const body = table.createTBody();
  for (const title of titles) {
    const name = title === 'bits' ? `same bits as ${by}` : nameOf(title);
    const row = builds.map((build) => {
      const cell = element('td', '', { class: 'waiting', 'data-build': build });
      cells.set(key(title, build), cell);
      return cell;
    });
    body.append(rowOf(element('th', name, { scope: 'row' }), row));
    body.lastChild.dataset.title = title;
    for (const cell of row) fill(cell, 'waiting', ['·']);
  }
  const total = builds.map((build) => {
    const cell = element('td', '', { class: 'stated' });
    times.set(build, { cell, ms: 0 });
    return cell;
  });
  table.createTFoot().append(rowOf(element('th', 'time', { scope: 'row' }), total));
  holder.replaceChildren(table);

  /** `share` stands beside the texts, or below them where there is little room. */
  function fill(cell, kind, texts, share = '') {
    cell.className = kind;
    cell.replaceChildren(...texts.flatMap((text) => [element('span', text), ' ']), element('small', share));
  }

  return {
    run: ({ title, build }) => fill(cells.get(key(title, build)), 'running', ['…']),
    /** `result` is null where the check says nothing of the build. */
    finish({ title, build, result, ms }) {
      const cell = cells.get(key(title, build));
      const time = times.get(build);
      time.ms += ms;
      time.cell.textContent = duration(time.ms);
      if (!result) return fill(cell, 'stated', ['–']);
      const failed = result.failures.length;
      if (failed === 0) return fill(cell, 'passed', [`✓ ${result.passed}`], shareText(result.worst));
      fill(cell, 'failed', [`✗ ${failed}`, `of ${failed + result.passed}`], shareText(result.worst));
      cell.parentElement.classList.add('failed');
    },
    /** What was waiting or running stays undone. */
    stop() {
      for (const cell of cells.values()) if (/waiting|running/.test(cell.className)) fill(cell, 'waiting', ['·']);
    },
  };
}
