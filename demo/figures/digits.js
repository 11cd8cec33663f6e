// Figure "The digits": two trained models paint digits pixel by pixel; what a pixel takes, and what the paper measured.
import { bytes, duration, integer, number } from '../format.js';
import { digitBuild } from '../digits/model.js';
import { imagesPerSecond, rateColumns, sweepDigits } from '../measure/digits.js';
import { beginnings, raceColumns, runRace } from '../measure/race.js';
import { rowsOf } from '../measure/rows.js';
import { createChart } from '../plots/chart.js';
import { createImages } from '../plots/images.js';
import { shapes } from '../plots/markers.js';
import { fillBits } from './bits.js';
import { createFrame, listItem, makeTable } from './frame.js';
import { createRun } from './run.js';
import { createSketch } from './sketch.js';

const SIDE = 28;
const LENGTH = SIDE * SIDE;
const BATCHES = [1, 16];
const names = { linear: 'linear, state', cached: 'softmax, cache', recomputed: 'softmax, recomputing' };
const shortNames = { linear: 'linear', cached: 'cache', recomputed: 'recomputing' };
const roles = { linear: 'state', cached: 'softmax', recomputed: 'floor' };
const markers = { linear: shapes.state, cached: shapes.softmax, recomputed: shapes.recomputed };
/** Katharopoulos et al. 2020: images a second (table 1 and supplement), and seconds an image on a CPU, one at a time. */
const paper = { linear: { gpu: 142.8, cpu: 5.5 }, cached: { gpu: 7.56, cpu: 7.4 }, recomputed: { gpu: 0.45, cpu: 72.6 } };

/** @returns {(changed: Set<string>) => void} update */
export function digitsFigure(figure, { state, lab }) {
  let shown = { report: null, previous: null };
  let timed = null; // no setting changes the time of a pixel: it is measured once
  fillBits(figure.closest('section'));
  const views = createLanes(figure.querySelector('.lanes'));
  const chart = createChart(figure.querySelector('.plot'), {
    x: { label: 'pixels before this one', format: integer, range: () => [0, LENGTH] },
    y: { label: 'time of one pixel of one image', log: 10, format: duration },
    height: 280,
  });
  const verdict = figure.querySelector('.verdict');
  const frame = createFrame(figure, {
    name: 'digits',
    state,
    rows: () => shown.report?.rows ?? [],
    picture: () => ({ title: 'Digits painted pixel by pixel, and the time of a pixel', charts: [...views.pictures(), chart.picture()], about: aboutOf(shown.report.settings) }),
  });
  frame.again.textContent = 'Paint again';

  /** Progress of a download may still come in when it is over. */
  async function load(say) {
    let loading = true;
    try {
      await lab.download(['linear', 'softmax'], (loaded, total) => {
        if (!loading) return;
        frame.setProgress(loaded, total);
        say(`Loading the two models: ${bytes(loaded)} of ${bytes(total)} …`);
      });
    } finally {
      loading = false;
    }
  }

  async function* sweep({ digit, begin, temperature, seed, sketch }, signal) {
    const say = (text) => signal.aborted || frame.setPhase('running', text);
    await load(say);
    say('Painting …');
    let lanes;
    for await (const race of lab.bench('race', { digit, begin, temperature, seed, sketch }, (bench) => runRace(bench, { length: LENGTH, signal }))) {
      lanes = race.lanes;
      yield { lanes, rows: timed?.rows ?? [], bytes: timed?.bytes, done: race.done, total: race.total };
    }
    if (timed) return;
    const rows = [];
    const held = {};
    for (const batch of BATCHES) {
      if (signal.aborted) return;
      say(batch === 1 ? 'Timing a pixel along the image …' : `The same with ${batch} images at once …`);
      const before = rows.length;
      for await (const report of lab.bench('digits', { batch }, (bench) => sweepDigits(bench, { batch, length: LENGTH, signal }))) {
        rows.splice(before, Infinity, ...report.rows);
        Object.assign(held, report.bytes);
        yield { lanes, rows, bytes: held, done: report.done, total: report.total };
      }
    }
    if (!signal.aborted) timed = { rows, bytes: held };
  }

  const draw = (next) => {
    shown = next;
    const { report, previous, running } = next;
    views.update(report?.lanes ?? previous?.lanes, running);
    const rated = report?.rows.length > 0 ? report : previous;
    chart.update({ series: seriesOf(rated), summary: summaryOf(rated) });
    const rates = ratesOf(rated);
    verdict.replaceChildren(...sentences(rates, rated?.bytes).map((text) => listItem(text)));
    figure.querySelector('.rates').replaceChildren(ratesTable(rates, rated?.bytes));
    figure.querySelector('.rates-note').textContent =
      `Images a second here are estimates for one thread: a pixel is timed at nine positions along the image (recomputing ${BATCHES[1]} at once: five), and the line through them is added up over all ${LENGTH} pixels. The paper’s models are larger than these.`;
    frame.setTable(
      ['column', 'images at once', 'pixels before', 'time of one pixel of all'],
      (report?.rows ?? []).map((row) => [names[row.column], integer(row.batch), integer(row.position), duration(row.ms)]),
    );
    for (const [column, rate] of Object.entries(rates[BATCHES[0]] ?? {})) figure.dataset[column] = rate;
  };

  const drawing = () => state.values['digits.begin'] === beginnings[2];
  const run = createRun({
    frame,
    ready: lab.ready.then((environment) => ({ ...environment, ...digitBuild })),
    settings: () => ({ ...state.pick('digits'), sketch: sketch.levels() }),
    sweep,
    draw,
    obstacle: () => (drawing() && !sketch.hasInk() ? 'Draw the top half of a digit first.' : ''),
  });
  const sketch = createSketch(figure.querySelector('.sketch'), { side: SIDE, onFinish: run.start });
  const blank = figure.querySelector('.blank');
  const showSketch = () => {
    sketch.show(drawing());
    blank.hidden = state.values['digits.temperature'] > 0 || state.values['digits.begin'] !== beginnings[0];
  };
  showSketch();
  draw(shown);

  let started = false;
  frame.setPhase('loading', 'The race begins when this comes into view.');
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    started = true;
    run.start();
  }).observe(figure.querySelector('.lanes'));

  return (changed) => {
    if (![...changed].some((key) => key.startsWith('digits.'))) return;
    showSketch();
    if (!started) return;
    // A drawing waits until the visitor says that it is finished; what was painted for the last choice ends.
    if (changed.has('digits.begin') && drawing()) run.hold('Draw the top half of a digit, then finish it.');
    else run.restart();
  };
}

const aboutOf = ({ digit, begin, temperature, seed }) => ({ digit, begin, temperature, seed });

/** A grid of images for each column, with what it has taken so far. */
function createLanes(container) {
  const views = Object.fromEntries(
    raceColumns.map((column) => {
      const box = document.createElement('div');
      box.className = 'lane';
      box.dataset.column = column;
      box.style.setProperty('--role', `var(--${roles[column]})`);
      const name = Object.assign(document.createElement('p'), { className: 'name', textContent: names[column] });
      const text = Object.assign(document.createElement('p'), { className: 'note' });
      const images = createImages(SIDE);
      box.append(name, images.canvas, text);
      container.append(box);
      return [column, { box, images, text }];
    }),
  );
  const blank = { images: [new Uint8Array(LENGTH)], position: 0, given: 0, ms: 0, done: false };

  return {
    update(lanes, running) {
      for (const [column, { box, images, text }] of Object.entries(views)) {
        const lane = lanes?.[column] ?? blank;
        images.update(lane.images, lane.position, `${names[column]}: ${lane.images.length === 1 ? 'one digit' : `${lane.images.length} digits`}, ${integer(lane.position)} of ${LENGTH} pixels painted`);
        text.textContent = lanes ? laneText(lane, running) : 'not painted yet';
        box.dataset.position = lane.position;
      }
    },
    pictures: () => Object.entries(views).map(([column, { images, text }]) => ({ canvas: images.picture(4 * devicePixelRatio), title: `${names[column]}: ${text.textContent}`, series: [] })),
  };
}

function laneText({ images, position, given, ms, done }, running) {
  if (position === given) return 'about to begin';
  const rate = `${number((1000 * images.length) / ms)} images/s${images.length > 1 ? `, ${images.length} at once` : ''}`;
  if (done) return given ? `the lower half in ${duration(ms)}` : `${duration(ms)}, ${rate}`;
  return `${integer(position - given)} of ${LENGTH - given} pixels in ${duration(ms)}${running ? '' : ', then stopped'}`;
}

function seriesOf(report) {
  if (!report) return [];
  return BATCHES.flatMap((batch) =>
    rateColumns.map((column) => ({
      role: roles[column],
      label: batch === 1 ? names[column] : `${shortNames[column]}, ${batch} at once`,
      shape: batch === 1 ? markers[column] : undefined,
      dash: batch === 1 ? undefined : [6, 4],
      points: rowsOf(report, { column, batch }).map((row) => ({ x: row.position, y: row.ms / batch })),
    })),
  ).filter(({ points }) => points.length > 0);
}

/** Images a second by batch and column, where enough positions are measured. */
function ratesOf(report) {
  const rates = {};
  for (const batch of BATCHES) {
    rates[batch] = {};
    for (const column of rateColumns) {
      const rows = rowsOf(report, { column, batch });
      if (rows.length > 1) rates[batch][column] = imagesPerSecond(rows, LENGTH);
    }
  }
  return rates;
}

function ratesTable(rates, held) {
  const across = (of) => rateColumns.map(of);
  const rate = (value) => (value === undefined ? '–' : number(value));
  const remembers = (column) => held && column !== 'recomputed';
  return makeTable(
    ['quantity', ...across((column) => names[column])],
    [
      ...BATCHES.map((batch) => [
        `here: images/s, ${batch === 1 ? 'one at a time' : `${batch} at once`}`,
        ...across((column) => rate(rates[batch][column])),
      ]),
      ['here: memory of one image', ...across((column) => (remembers(column) ? bytes(held[column]) : held ? 'its pixels' : '–'))],
      ['here: images at once in 1 GiB', ...across((column) => (remembers(column) ? integer(Math.floor(2 ** 30 / held[column])) : '–'))],
      ['the paper: images/s, GPU, many at once', ...across((column) => number(paper[column].gpu))],
      ['the paper: s an image, CPU, one at a time', ...across((column) => number(paper[column].cpu))],
    ],
  );
}

function sentences(rates, held) {
  const [one, many] = BATCHES.map((batch) => rates[batch]);
  const texts = [];
  if (one.recomputed) {
    texts.push(
      `One image at a time, linear attention paints ${number(one.linear / one.recomputed)} times as fast as recomputing (the paper, on a CPU: ${number(paper.recomputed.cpu / paper.linear.cpu)}) and ${number(one.linear / one.cached)} times as fast as a cache (the paper: ${number(paper.cached.cpu / paper.linear.cpu)}).`,
    );
  }
  if (many.recomputed) {
    texts.push(
      `${BATCHES[1]} at once, ${number(many.linear / one.linear)} times as many linear images a second as one by one, and ${number(many.linear / many.cached)} times as many as with a cache.`,
      `The paper’s 317 times is linear attention against recomputing on a GPU, each with as many images at once as fit. One thread of a CPU is another measurement and does not confirm that number. It shows where it comes from: a time that does not rise with the position, and a memory ${number(held.cached / held.linear)} times smaller than a cache.`,
    );
  }
  return texts;
}

function summaryOf(report) {
  const series = seriesOf(report);
  if (series.length === 0) return 'Time of one pixel against its position: not measured yet.';
  const parts = series.map(({ label, points }) => `${label} from ${duration(points[0].y)} to ${duration(points.at(-1).y)}`);
  return `Time of one pixel against its position: ${parts.join('; ')}.`;
}
