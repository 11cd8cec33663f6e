// The life of a measurement: it starts, reports, may be cancelled or replaced, and leaves its results standing.
import { minuteNow } from '../measure/environment.js';

/** One figure is measured after another. */
const WAITING = 'Waiting for its turn …';
const PAUSE_MS = 150; // a dragged slider asks many times

/**
 * @param {object} options
 * @param {object} options.frame
 * @param {Promise<object>} options.ready what the library runs on
 * @param {(settings: object, signal: AbortSignal) => AsyncIterable<{ rows: object[], done: number, total: number }>} options.sweep
 * @param {() => object} options.settings as they are now
 * @param {(shown: { report: object | null, previous: object | null, running: boolean }) => void} options.draw
 *   a report carries its settings; previous is the last full one while a new one grows
 * @param {() => string} [options.obstacle] why nothing can be measured now, or ''
 */
export function createRun({ frame, ready, sweep, settings, draw, obstacle = () => '' }) {
  let controller = null;
  let timer = 0;
  let report = null;
  let previous = null;

  const start = async () => {
    controller?.abort();
    const mine = (controller = new AbortController());
    if (obstacle()) return frame.setPhase('waiting', obstacle());
    const present = () => mine === controller;
    if (report?.rows.length > 0) previous = report;
    report = null;
    const chosen = { ...settings() };
    let loaded = false;
    try {
      const environment = await ready;
      loaded = true;
      if (!present()) return;
      frame.setPhase('running', WAITING);
      frame.setProgress(0, 1);
      draw({ report, previous, running: true });
      for await (const next of untilAborted(sweep(chosen, mine.signal), mine.signal)) {
        if (!present()) return;
        frame.begin(WAITING, 'Measuring …');
        report = { ...next, rows: [...next.rows], settings: chosen };
        frame.setMeasured({ ...environment, date: minuteNow() });
        frame.setProgress(next.done, next.total);
        draw({ report, previous, running: true });
      }
      if (!present()) return;
      const cancelled = mine.signal.aborted;
      if (!cancelled) previous = null;
      draw({ report, previous, running: false });
      frame.setPhase(cancelled ? 'cancelled' : 'done', cancelled ? 'Cancelled. What was measured stays.' : 'Done.');
    } catch (error) {
      if (!present()) return;
      if (loaded) frame.setPhase('error', `This could not be measured: ${error.message}`);
      else frame.setPhase('unavailable', 'The WebAssembly module did not load: see the top of the page.');
    }
  };
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(start, PAUSE_MS);
  };

  /** Ends what runs and says what it waits for. */
  const hold = (text) => {
    clearTimeout(timer);
    controller?.abort();
    controller = null;
    frame.setPhase('waiting', text);
  };

  frame.again.addEventListener('click', start);
  frame.cancel.addEventListener('click', () => controller?.abort());
  frame.setPhase('loading', 'Loading the WebAssembly module …');
  return { start, restart, hold };
}

/** The reports of a sweep up to an abort, which waits neither for the task under way nor for those of other figures. */
async function* untilAborted(reports, signal) {
  const aborted = new Promise((resolve) => signal.addEventListener('abort', () => resolve({ done: true })));
  try {
    while (!signal.aborted) {
      const { value, done } = await Promise.race([reports.next(), aborted]);
      if (done) return;
      yield value;
    }
  } finally {
    reports.return(); // closes its bench, once that task has ended
  }
}
