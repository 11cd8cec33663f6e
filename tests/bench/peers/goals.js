/** What the library must reach against others in one run, on the same threads: ratios of their time to ours. */

/** `least`: of the simd build, from arrays into an array that is given, against the fastest web peer. */
export const goals = [
  { ids: ['linear-causal'], against: 'web', least: 3 },
  { ids: ['linear-full'], against: 'web', least: 2.2 },
  { ids: ['retention', 'gated-delta'], against: 'web', least: 3 },
  { ids: ['softmax-causal'], against: 'web', least: 3 },
  { ids: ['softmax-full'], against: 'web', least: 1.5 },
  { ids: ['linear-token'], against: 'web', least: 5 },
  { ids: ['softmax-token'], against: 'web', least: 4 },
];

const matches = (against, { group }) => group === against;

/** The fastest of those with a time, or null. */
export function fastest(entries) {
  return entries.filter(({ ms }) => ms !== undefined).reduce((best, entry) => (best === null || entry.ms < best.ms ? entry : best), null);
}

/**
 * How each of our contestants stands in a row of { id, entries: [{ name, group, build, keeping, ms }] }:
 * [{ name, build, ms, web, native, goals: [{ against, least, ratio, met }] }], ratios null where nobody ran.
 */
export function standings({ id, entries }) {
  const ratioTo = (against, ms) => {
    const rival = fastest(entries.filter((entry) => matches(against, entry)));
    return rival && rival.ms / ms;
  };
  const ours = entries.filter(({ group, ms }) => group === 'ours' && ms !== undefined);
  return ours.map(({ name, build, keeping, ms }) => {
    const asked = goals.filter((goal) => goal.ids.includes(id) && build === 'simd' && keeping === 'arrays');
    const judged = asked.map(({ against, least }) => {
      const ratio = ratioTo(against, ms);
      return { against, least, ratio, met: ratio === null ? null : ratio >= least };
    });
    return { name, build, ms, web: ratioTo('web', ms), native: ratioTo('native', ms), goals: judged };
  });
}
