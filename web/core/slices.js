/** Runs the core's long calls in slices, so that they can report progress and be cancelled. */
import { AttentionError } from './errors.js';

/** Milliseconds that a slice should take. */
const SLICE_MS = 20;

/**
 * Runs a plan whose call takes the first and the count of its items; `interrupt` has isAborted() and progress(fraction).
 * A slice has an item for each thread, or they would wait for one. Returns the core's status.
 */
export function runInSlices(core, plan, { isAborted, progress }) {
  const items = core.exports[`${plan.call}_items`](core.writeArguments(plan)) >>> 0;
  const threads = core.pool?.threads ?? 1;
  for (let first = 0, count = threads; ; ) {
    if (isAborted()) throw new AttentionError('internal', 'The call was cancelled');
    const started = performance.now();
    const status = core.runItems({ ...plan, args: { ...plan.args, first, count } });
    first += count;
    if (status !== 0 || first >= items) return status;
    progress?.(first / items);
    const fitting = Math.round((count * SLICE_MS) / Math.max(performance.now() - started, 0.1));
    count = Math.min(items - first, Math.max(threads, fitting));
  }
}
