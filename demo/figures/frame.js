// What every figure has around its plots: progress, cancel, downloads, a data table, and where it was measured.
import { describeEnvironment } from '../measure/environment.js';
import { toCsv } from '../measure/csv.js';
import { drawPicture } from '../plots/picture.js';
import { bindControls } from '../controls.js';

/**
 * @param {HTMLElement} figure holds .controls, .run and .foot
 * @param {object} options
 * @param {string} options.name of the downloaded files
 * @param {object} options.state
 * @param {() => object[]} options.rows for the CSV
 * @param {() => { title: string, charts: object[], about: object, remarks?: string }} options.picture for the PNG, asked for only
 *   while there are rows; `about` are the settings that it shows
 */
export function createFrame(figure, { name, state, rows, picture }) {
  bindControls(figure, state);
  const run = figure.querySelector('.run');
  run.innerHTML = `
    <button type="button" class="again">Measure again</button>
    <button type="button" class="cancel">Cancel</button>
    <progress aria-label="Progress of the measurement" max="1" value="0"></progress>
    <span class="status" role="status"></span>`;
  const foot = figure.querySelector('.foot');
  foot.innerHTML = `
    <details><summary>Data table of ${figure.dataset.title}</summary><div class="scroll" tabindex="0" role="region" aria-label="Data table of ${figure.dataset.title}"></div>${figure.dataset.note ? `<p class="note">${figure.dataset.note}</p>` : ''}</details>
    <p class="downloads"><button type="button" class="csv">Download CSV</button> <button type="button" class="png">Download PNG</button></p>
    <p class="measured"></p>`;
  const [again, cancel, progress, status] = run.children;
  const [csv, png] = foot.querySelectorAll('.downloads button');
  const measured = foot.querySelector('.measured');
  const table = foot.querySelector('.scroll');
  let environment = null;

  csv.addEventListener('click', () => save(new Blob([toCsv(rows(), environment)], { type: 'text/csv' }), `${name}.csv`));
  png.addEventListener('click', async () => {
    const { about, remarks = '', ...drawn } = picture();
    const notes = [remarks, settingsText(about), measured.textContent].filter(Boolean);
    save(await drawPicture({ ...drawn, notes }), `${name}.png`);
  });

  return {
    again,
    cancel,
    /** 'loading' | 'waiting' | 'running' | 'done' | 'cancelled' | 'error' | 'unavailable' for good, and a sentence for the reader. */
    setPhase(phase, text) {
      figure.dataset.state = phase;
      if (phase === 'running') figure.dataset.runs = Number(figure.dataset.runs ?? 0) + 1;
      status.textContent = text;
      cancel.disabled = phase !== 'running';
      again.disabled = phase === 'loading' || phase === 'unavailable';
      if (phase === 'done') progress.value = 1;
    },
    /** Replaces one sentence of a running measurement by another, and no other sentence. */
    begin(before, text) {
      if (status.textContent === before) status.textContent = text;
    },
    setProgress(done, total) {
      progress.value = total ? done / total : 0;
    },
    /** Says where the shown numbers come from. */
    setMeasured(where) {
      environment = where;
      measured.textContent = `Measured here: ${describeEnvironment(where)}.`;
    },
    /**
     * The rows as a table; without any there is nothing to download.
     * @param {string[]} header @param {string[][]} lines
     */
    setTable(header, lines) {
      table.replaceChildren(makeTable(header, lines));
      for (const button of [csv, png]) button.disabled = rows().length === 0;
    },
  };
}

/** Settings as one line: dim 64, heads 4, … */
const settingsText = (about) =>
  Object.entries(about)
    .filter(([, value]) => value !== undefined && value !== '' && value !== false)
    .map(([name, value]) => (value === true ? name : `${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${value}`))
    .join(', ');

/** A table whose first column heads its rows. */
export function makeTable(header, lines) {
  const table = document.createElement('table');
  const row = (cells, name, scopeOf) => {
    const line = document.createElement('tr');
    cells.forEach((text, column) => {
      const cell = document.createElement(scopeOf(column) ? 'th' : name);
      if (scopeOf(column)) cell.scope = scopeOf(column);
      cell.textContent = text;
      line.append(cell);
    });
    return line;
  };
  const head = table.createTHead();
  head.append(row(header, 'th', () => 'col'));
  table.createTBody().append(...lines.map((line) => row(line, 'td', (column) => (column === 0 ? 'row' : null))));
  return table;
}

/** A sentence of a verdict: text and elements. */
export function listItem(...parts) {
  const item = document.createElement('li');
  item.append(...parts);
  return item;
}

export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
