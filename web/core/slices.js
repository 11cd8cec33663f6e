/** Runs the core's long calls in slices, so that they can report progress and be cancelled. */
import { AttentionError } from './errors.js';
import { internal } from './tensor.js';

/** Milliseconds that a slice should take. */
const SLICE_MS = 20;
const ALL = 0xffffffff;

/**
 * `run()` calls the core once; `interrupt` has isAborted() and progress(fraction). A slice has an item for each of the
 * `threads`, or they would wait for one. Returns the core's status.
 */
export function runInSlices(exports, run, { isAborted, progress }, threads) {
  let first = 0;
  let count = threads;
  try {
    for (;;) {
      if (isAborted()) throw new AttentionError('internal', 'The call was cancelled');
      const started = performance.now();
      exports.la_slice(first, count);
      const status = run();
      const items = exports.la_slice_items() >>> 0;
      first += count;
      if (status !== 0 || first >= items) return status;
      progress?.(first / items);
      const fitting = Math.round((count * SLICE_MS) / Math.max(performance.now() - started, 0.1));
      count = Math.min(items - first, Math.max(threads, fitting));
    }
  } finally {
    exports.la_slice(0, ALL);
  }
}

/** Calls `body` with its core's calls in slices. What it was about to change in `written`, resident objects, is put back when it throws; those disposed of are left to `body` to refuse. */
export function interruptible(core, written, interrupt, body) {
  const held = written.map((object) => object[internal]).filter(({ pointer }) => pointer !== 0);
  const kept = held.map(({ pointer, length }) => ({ pointer, floats: core.f32.slice(pointer >>> 2, (pointer >>> 2) + length) }));
  core.interrupt = interrupt;
  try {
    return body();
  } catch (error) {
    if (!core.broken) for (const { pointer, floats } of kept) core.f32.set(floats, pointer >>> 2);
    throw error;
  } finally {
    core.interrupt = null;
  }
}
