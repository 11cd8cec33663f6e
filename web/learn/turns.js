/** Turns of the event loop between pieces of a long computation. */

/** Milliseconds that a computation keeps the event loop waiting before it lets others run. */
const SLICE_MS = 12;

const turn = () => new Promise((resolve) => setTimeout(resolve));

/**
 * `pause()` lets the event loop turn where it has waited long enough, and throws where the computation has to end: the
 * signal's reason, or that the instance was disposed.
 */
export function turns(core, signal) {
  let since = performance.now();
  const check = () => {
    signal?.throwIfAborted();
    core.check();
  };
  return {
    check,
    async pause() {
      if (performance.now() - since > SLICE_MS) {
        await turn();
        since = performance.now();
      }
      check();
    },
  };
}
