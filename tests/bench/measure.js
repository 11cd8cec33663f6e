/**
 * Interleaved timing: every round times every case once, so that a noisy moment hits all alike; medians are kept. A run
 * without timing goes before, or the first would pay for what the case before it, or a neighbour, pushed out of the caches.
 */
export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** What others that use the processor disturb least. */
export const fastest = (values) => Math.min(...values);

const now = () => performance.now();

function timeOnce(run, repeats) {
  const start = now();
  for (let i = 0; i < repeats; i++) run();
  return (now() - start) / repeats;
}

/** Runs long enough for the optimising compiler to have replaced the baseline code; returns the time of one run. */
function warmUp(run, warmMs) {
  const end = now() + warmMs;
  let last = timeOnce(run, 1);
  while (now() < end) last = timeOnce(run, 1);
  return last;
}

/** cases: { name, run }; returns the same with `ms`, the median time of one run, or what `pick` makes of the times of all rounds. */
export function measure(cases, { rounds, sampleMs = 20, warmMs = 400, pick = median }) {
  const repeats = cases.map(({ run }) => Math.max(1, Math.round(sampleMs / Math.max(warmUp(run, warmMs), 1e-3))));
  const times = cases.map(() => []);
  for (let round = 0; round < rounds; round++) {
    cases.forEach(({ run }, i) => {
      run();
      times[i].push(timeOnce(run, repeats[i]));
    });
  }
  return cases.map((c, i) => ({ ...c, ms: pick(times[i]) }));
}
