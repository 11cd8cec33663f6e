/** How ours stand beside the others in one row of a race. */

/** The fastest of those with a time, or null. */
function fastest(entries) {
  return entries.filter(({ ms }) => ms !== undefined).reduce((best, entry) => (best === null || entry.ms < best.ms ? entry : best), null);
}

/**
 * Of a row of { entries: [{ name, group, ms }] }: the fastest web library and the native one, null where none ran, and
 * how many times as long as each of ours they take: { web, native, ours: [{ name, web, native }] }.
 */
export function standings({ entries }) {
  const [web, native] = ['web', 'native'].map((group) => fastest(entries.filter((entry) => entry.group === group)));
  const over = (rival, ms) => rival && rival.ms / ms;
  const ours = entries.filter(({ group, ms }) => group === 'ours' && ms !== undefined);
  return { web: web?.name ?? null, native: native?.name ?? null, ours: ours.map(({ name, ms }) => ({ name, web: over(web, ms), native: over(native, ms) })) };
}
