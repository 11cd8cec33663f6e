// The page of the library's tests: starts them in a Worker and shows what it tells.
import * as recorded from 'virtual:recorded-bits';
import '../style.css';
import './conformance.css';
import { integer, duration, number } from '../format.js';
import { toCsv } from '../measure/csv.js';
import { browserEnvironment } from '../measure/environment.js';
import { bindThemeButton } from '../theme.js';
import { createFailures } from './failures.js';
import { createTable, labelOf, nameOf, shareOf } from './table.js';

const BUILDS = ['scalar', 'simd', 'simd-threads', 'relaxed', 'relaxed-threads'];

const main = document.getElementById('conformance');
const find = (selector) => main.querySelector(selector);
const [outcome, again, stop, progress, status] = ['.outcome', '.again', '.stop', 'progress', '.status'].map(find);
const failures = createFailures(find('.failures'));

let worker;
let run; // what is shown

/** The names in the address under `key`, separated by commas; null where there are none. */
const asked = (key) => new URLSearchParams(location.search).get(key)?.split(',') ?? null;

const count = (n, noun) => `${integer(n)} ${noun}${n === 1 ? '' : 's'}`;

function setState(state, text) {
  main.dataset.state = state;
  outcome.textContent = text;
  again.disabled = state === 'running';
  stop.disabled = state !== 'running';
  find('.csv').disabled = run.rows.length === 0;
  document.title = `${text} – linear-attention-wasm`;
}

/** One sentence a reason why builds do not run. */
function obstacleItems(builds) {
  const reasons = new Map();
  for (const { id, obstacle } of builds) if (obstacle) reasons.set(obstacle, [...(reasons.get(obstacle) ?? []), labelOf(id)]);
  return [...reasons].map(([reason, labels]) => Object.assign(document.createElement('li'), { textContent: `Not run: ${labels.join('; ')}, because ${reason}.` }));
}

function begin({ titles, builds, date }) {
  const usable = builds.filter(({ obstacle }) => !obstacle).map(({ id }) => id);
  Object.assign(run, { total: titles.length * usable.length, date, table: createTable(find('.results'), { titles, builds: usable, by: recorded.by }) });
  find('.obstacles').replaceChildren(...obstacleItems(builds));
  const { engine, platform, processors } = browserEnvironment(navigator);
  find('.measured').textContent = `${engine} on ${platform} with ${count(processors, 'logical processor')}, ${date}.`;
}

/** Adds what a suite came to. */
function add(finished) {
  const { title, build, result, ms } = finished;
  run.table.finish(finished);
  run.finished += 1;
  progress.value = run.finished / run.total;
  if (!result) return;
  const failed = result.failures.length;
  run.passed += result.passed;
  run.failed += failed;
  const { error, bound } = result.worst ?? {};
  run.rows.push({ check: nameOf(title), build: labelOf(build), tests: result.passed + failed, failed, error, bound, share: result.worst && shareOf(result.worst), ms });
  if (failed === 0) return;
  main.dataset.failed = run.failed;
  failures.add(nameOf(title), labelOf(build), result.failures);
}

/** The table of all numbers. */
function showData() {
  const head = ['check', 'build', 'tests', 'failed', 'worst error', 'allowed', 'time'];
  const texts = run.rows.map((row) => [row.check, row.build, integer(row.tests), integer(row.failed), number(row.error), number(row.bound), duration(row.ms)]);
  const table = document.createElement('table');
  const addRow = (part, name, cells) => {
    const row = part.insertRow();
    for (const text of cells) row.append(Object.assign(document.createElement(name), { textContent: text }));
  };
  addRow(table.createTHead(), 'th', head);
  const body = table.createTBody();
  for (const cells of texts) addRow(body, 'td', cells);
  find('.data').replaceChildren(table);
}

function end(state) {
  worker.terminate();
  status.textContent = '';
  showData();
  const { failed, passed } = run;
  const tests = count(failed + passed, 'test');
  if (state === 'stopped') return setState(state, `Stopped after ${tests}${failed > 0 ? `: ${integer(failed)} failed` : ', all passed'}`);
  if (failed > 0) return setState(state, `${integer(failed)} of ${tests} failed`);
  setState(state, passed > 0 ? `All ${tests} passed` : 'No test of that name');
}

function fail(message) {
  worker.terminate();
  setState('error', `The tests could not run: ${message}`);
}

function start() {
  run = { rows: [], finished: 0, passed: 0, failed: 0, total: 0 };
  delete main.dataset.failed;
  failures.clear();
  progress.value = 0;
  setState('running', 'Running the tests …');
  worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.addEventListener('error', (event) => fail(event.message || 'the Worker could not be loaded'));
  worker.addEventListener('message', ({ data: { started, running, finished, done } }) => {
    if (started) begin(started);
    if (running) {
      run.table.run(running);
      status.textContent = `${nameOf(running.title)}, ${labelOf(running.build)}`;
    }
    if (finished) add(finished);
    if (done) end('done');
  });
  const builds = asked('builds');
  worker.postMessage({ groups: asked('groups'), builds: BUILDS.filter((build) => !builds || builds.includes(build)), recorded: recorded.bits });
}

bindThemeButton(document.getElementById('theme'));
again.addEventListener('click', start);
stop.addEventListener('click', () => {
  run.table?.stop();
  end('stopped');
});
find('.csv').addEventListener('click', () => {
  const { engine, platform, processors } = browserEnvironment(navigator);
  const text = toCsv(run.rows, { engine, platform, processors, date: run.date });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = 'conformance.csv';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
});
start();
