/** What the library must reach against others in one run, on the same threads: ratios of their time to ours. */

/** `least` by build; `against` the fastest web peer, the native reference, or one peer by name. */
export const goals = [
  { ids: ['linear-causal'], against: 'web', least: { simd: 3, relaxed: 4 } },
  { ids: ['linear-causal'], against: 'native', least: { simd: 1, relaxed: 1.3 }, fromLength: 1024 },
  { ids: ['linear-full'], against: 'web', least: { simd: 2.4, relaxed: 3.2 } },
  { ids: ['softmax-causal'], against: 'web', least: { simd: 2.3, relaxed: 3.2 } },
  { ids: ['softmax-full'], against: 'web', least: { simd: 1.2, relaxed: 1.7 } },
  { ids: ['linear-token'], against: 'web', least: { simd: 4, relaxed: 4 } },
  { ids: ['softmax-token'], against: 'web', least: { simd: 3, relaxed: 3 } },
  { ids: ['start-up'], against: 'onnxruntime-web', least: { simd: 5, relaxed: 5 }, engine: /Chrom/ },
];

const matches = (against, { name, group }) => group === against || name === against;

/** The fastest of those with a time, or null. */
export function fastest(entries) {
  return entries.filter(({ ms }) => ms !== undefined).reduce((best, entry) => (best === null || entry.ms < best.ms ? entry : best), null);
}

/**
 * How each of our contestants stands in a row of { id, length, entries: [{ name, group, build, ms }] }:
 * [{ name, build, ms, web, native, goals: [{ against, least, ratio, met }] }], ratios null where nobody ran.
 */
export function standings({ id, length = 0, entries }, engine) {
  const ratioTo = (against, ms) => {
    const rival = fastest(entries.filter((entry) => matches(against, entry)));
    return rival && rival.ms / ms;
  };
  const ours = entries.filter(({ group, ms }) => group === 'ours' && ms !== undefined);
  return ours.map(({ name, build, ms }) => {
    const asked = goals.filter((goal) => goal.ids.includes(id) && length >= (goal.fromLength ?? 0) && (goal.engine?.test(engine) ?? true));
    const judged = asked.map(({ against, least }) => {
      const ratio = ratioTo(against, ms);
      return { against, least: least[build], ratio, met: ratio === null ? null : ratio >= least[build] };
    });
    return { name, build, ms, web: ratioTo('web', ms), native: ratioTo('native', ms), goals: judged };
  });
}
