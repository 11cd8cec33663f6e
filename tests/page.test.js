// Parts of the demo page that need no page: the life of a measurement, markers, lines of a legend.
import assert from 'node:assert';
import { suite } from 'uvu';
import { createRun } from '../demo/figures/run.js';
import { BEYOND, markerSvg, shapes } from '../demo/plots/markers.js';
import { wrap } from '../demo/plots/wrap.js';

const page = suite('demo page: parts');

/** A frame whose buttons can be clicked and whose phases are noted. */
function fakeFrame() {
  const phases = [];
  const button = () => {
    const listeners = [];
    return {
      addEventListener: (_, listener) => listeners.push(listener),
      click: () => listeners.forEach((listener) => listener()),
    };
  };
  const setPhase = (phase) => phases.push(phase);
  return { phases, again: button(), cancel: button(), setPhase, begin() {}, setProgress() {}, setMeasured() {} };
}
const runOf = (frame, sweep, draw) => createRun({ frame, ready: Promise.resolve({}), settings: () => ({}), sweep, draw });
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

page('cancel waits for no task, keeps what was measured, and closes the sweep when its task ends', async () => {
  const frame = fakeFrame();
  const drawn = [];
  let closed = false;
  let end;
  async function* sweep() {
    try {
      yield { rows: ['first'], done: 1, total: 2 };
      await new Promise((resolve) => (end = resolve));
      yield { rows: ['first', 'late'], done: 2, total: 2 };
    } finally {
      closed = true;
    }
  }
  const run = runOf(frame, sweep, (shown) => drawn.push(shown));
  run.start();
  await settled();
  assert.equal(frame.phases.at(-1), 'running');
  frame.cancel.click();
  await settled();
  assert.equal(frame.phases.at(-1), 'cancelled');
  assert.equal(closed, false);
  end();
  await settled();
  assert.equal(closed, true);
  assert.deepEqual(drawn.at(-1).report.rows, ['first']);
  assert.equal(frame.phases.at(-1), 'cancelled');
});

page('a run that is replaced closes its sweep and draws nothing more', async () => {
  const frame = fakeFrame();
  const closed = [];
  const drawn = [];
  let started = 0;
  async function* sweep() {
    const mine = ++started;
    try {
      for (let done = 1; done <= 3; done++) {
        await settled();
        yield { rows: [mine], done, total: 3 };
      }
    } finally {
      closed.push(mine);
    }
  }
  const run = runOf(frame, sweep, ({ report }) => report && drawn.push(report.rows[0]));
  run.start();
  await settled();
  frame.again.click();
  while (frame.phases.at(-1) !== 'done') await settled();
  assert.deepEqual(closed, [1, 2]);
  assert.deepEqual(drawn, [...drawn].sort());
  assert.equal(drawn.at(-1), 2);
});

page('every series has a marker of its own, and none has the sign for beyond the plot', () => {
  const all = Object.values(shapes);
  assert.deepEqual([...new Set(all)], all);
  assert.ok(!all.includes(BEYOND));
  const drawn = new Set([...all, BEYOND].map(markerSvg));
  assert.equal(drawn.size, all.length + 1);
  for (const svg of drawn) assert.doesNotMatch(svg, /NaN|undefined/);
});

page('lines take what has room, and at least one item', () => {
  const lines = (widths, line) => wrap(widths, (width) => width, line);
  assert.deepEqual(lines([3, 3, 3], { room: 8, gap: 2 }), [[3, 3], [3]]);
  assert.deepEqual(lines([3, 3, 3], { room: 7, gap: 2 }), [[3], [3], [3]]);
  assert.deepEqual(lines([3, 3, 3], { room: 13, gap: 2 }), [[3, 3, 3]]);
  assert.deepEqual(lines([20, 3], { room: 8, gap: 2 }), [[20], [3]]);
  assert.deepEqual(lines([], { room: 8, gap: 2 }), []);
});

page.run();
