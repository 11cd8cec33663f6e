/** The race as text: for each case every contestant's fastest round, which what else runs on the machine disturbs least, then how many times as long as ours the others take. */
import { standings } from './standings.js';

/** Three significant digits, in the unit that suits. */
export function duration(ms) {
  if (ms === undefined) return '–';
  const [value, unit] = ms < 0.1 ? [ms * 1000, 'µs'] : [ms, 'ms'];
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
}

const ratio = (x) => (x === null ? '–' : `${x.toFixed(x < 10 ? 2 : 1)}×`);

/** Lines of cells as columns: the first to the left, the others to the right. */
export function alignColumns(lines) {
  const widths = lines[0].map((_, c) => Math.max(...lines.map((line) => line[c].length)));
  return lines.map((line) => line.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  ').trimEnd()).join('\n');
}

export const markdown = (lines) => [lines[0], lines[0].map((_, c) => (c === 0 ? '---' : '--:')), ...lines.slice(1)].map((line) => `| ${line.join(' | ')} |`).join('\n');

/** Cases by rows, contestants by columns. */
export function timeCells({ contestants, rows }) {
  const names = contestants.map(({ name }) => name);
  const cell = ({ entries }, name) => duration(entries.find((entry) => entry.name === name)?.ms);
  return [['', ...names], ...rows.map((row) => [row.title, ...names.map((name) => cell(row, name))])];
}

/** The time of the fastest other library over that of each of ours, and where native code ran, its time over that of the first of ours. */
export function ratioCells({ contestants, rows }) {
  const names = contestants.filter(({ group }) => group === 'ours').map(({ name }) => name);
  const native = contestants.find(({ group }) => group === 'native')?.name;
  const lines = rows.map((row) => {
    const { web, ours } = standings(row);
    const of = (name) => ours.find((one) => one.name === name);
    return [row.title, web ?? '–', ...names.map((name) => ratio(of(name)?.web ?? null)), ...(native ? [ratio(of(names[0])?.native ?? null)] : [])];
  });
  return [['', 'fastest other', ...names, ...(native ? [`${native} over ${names[0]}`] : [])], ...lines];
}

const ASPECTS = ['feature map', 'normaliser', 'causal', 'state in and out'];

/** What each can express. */
export function expressionCells({ contestants }) {
  const seen = new Map(contestants.map((one) => [one.package ?? one.name, one]));
  return [['', ...ASPECTS], ...[...seen.values()].map(({ name, group, version, expresses }) => [`${group === 'ours' ? 'ours' : name}${version ? ` ${version}` : ''}`, ...ASPECTS.map((aspect) => expresses[aspect])])];
}

/** When and on what it was raced. */
export function conditions({ threads, heads, dim, date }) {
  return `${date.slice(0, 10)}, ${threads} thread${threads === 1 ? '' : 's'}; batch 1, ${heads} heads of ${dim}, float32, elu + 1, normalised (RetNet's and Gated DeltaNet's rows: as they are)`;
}

const headline = (race) => `${race.machine}, ${race.engine}, ${conditions(race)}`;

/** Who ran what, and what was left out and why. */
function notes({ contestants, rows, absent }) {
  const ways = rows.flatMap(({ title, entries }) => entries.filter(({ way, group }) => way && group !== 'ours').map(({ name, way }) => `${title}: ${name} by ${way}`));
  const missing = rows.flatMap(({ title, entries }) => entries.filter(({ ms, reason }) => ms === undefined && reason).map(({ name, reason }) => `${title}: ${name} has no result (${reason})`));
  const gone = absent.map(({ name, reason }) => `not raced: ${name} (${reason})`);
  const versions = [...new Set(contestants.filter(({ version }) => version).map((one) => `${one.package} ${one.version}`))];
  return [`Versions: ${versions.join(', ')}.`, ...gone, ...ways, ...missing];
}

export function report(race) {
  const parts = [headline(race), '', alignColumns(timeCells(race)), '', "The fastest other's time over ours (above 1: ours is faster):", alignColumns(ratioCells(race)), '', 'What each can express:', expressionCells(race).map((line, i) => (i === 0 ? '' : `  ${line[0]}: ${ASPECTS.map((aspect, a) => `${aspect} ${line[a + 1]}`).join('; ')}`)).slice(1).join('\n'), '', ...notes(race)];
  return parts.join('\n');
}
