/** The rows that `--only` names, out of groups of rows by their names; all of them without it. */
export function chooseRows(groups, words) {
  if (!words) return groups;
  const names = [...new Set(Object.values(groups).flatMap((rows) => rows.map(({ name }) => name.trim())))];
  const unknown = words.find((word) => !names.some((name) => name.includes(word)));
  if (unknown !== undefined) throw new RangeError(`--only must be part of a row's name, got '${unknown}'. There are\n${names.map((name) => `  ${name}`).join('\n')}`);
  return Object.fromEntries(Object.entries(groups).map(([group, rows]) => [group, rows.filter(({ name }) => words.some((word) => name.includes(word)))]));
}
