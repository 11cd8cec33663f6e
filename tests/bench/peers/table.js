/** The race as text: for each case every contestant's median, then how ours stand against the goals. */
import { standings } from './goals.js';

const BRIEF = { web: 'best web peer', native: 'native' };

/** Three significant digits, in the unit that suits. */
export function duration(ms) {
  if (ms === undefined) return '–';
  const [value, unit] = ms < 0.1 ? [ms * 1000, 'µs'] : [ms, 'ms'];
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
}

export const ratio = (x) => (x === null ? '–' : `${x.toFixed(x < 10 ? 2 : 1)}×`);

/** Lines of cells as columns: the first to the left, the others to the right. */
export function alignColumns(lines) {
  const widths = lines[0].map((_, c) => Math.max(...lines.map((line) => line[c].length)));
  return lines.map((line) => line.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  ').trimEnd()).join('\n');
}

export const markdown = (lines) => [lines[0], lines[0].map((_, c) => (c === 0 ? '---' : '--:')), ...lines.slice(1)].map((line) => `| ${line.join(' | ')} |`).join('\n');

const verdict = ({ against, least, met }) => `${met === null ? 'not raced' : met ? 'met' : 'MISSED'}: ${least}× ${BRIEF[against] ?? against}`;

/** Cases by rows, contestants by columns. */
export function timeCells({ contestants, rows }) {
  const names = contestants.map(({ name }) => name);
  const cell = ({ entries }, name) => duration(entries.find((entry) => entry.name === name)?.ms);
  return [['', ...names], ...rows.map((row) => [row.title, ...names.map((name) => cell(row, name))])];
}

/** Ratios of the others' time to ours, one line a case and build. */
export function ratioCells({ rows }) {
  const lines = rows.flatMap((row) => standings(row).map((one) => [row.title, one.name, ratio(one.web), ratio(one.native), one.goals.map(verdict).join('; ')]));
  return [['', 'contestant', 'best web peer', 'native', 'goal'], ...lines];
}

const ASPECTS = ['feature map', 'normaliser', 'causal', 'state in and out'];

/** What each can express. */
export function expressionCells({ contestants }) {
  const seen = new Map(contestants.map((one) => [one.package ?? one.name, one]));
  return [['', ...ASPECTS], ...[...seen.values()].map(({ name, group, version, expresses }) => [`${group === 'ours' ? 'ours' : name}${version ? ` ${version}` : ''}`, ...ASPECTS.map((aspect) => expresses[aspect])])];
}

export function headline({ engine, machine, threads, heads, dim, date }) {
  return `${machine}, ${engine}, ${date.slice(0, 10)}, ${threads} thread${threads === 1 ? '' : 's'}; batch 1, ${heads} heads of ${dim}, float32, elu + 1, normalised (RetNet's and Gated DeltaNet's rows: as they are)`;
}

/** Who ran what, and what was left out and why. */
export function notes({ contestants, rows, absent }) {
  const ways = rows.flatMap(({ title, entries }) => entries.filter(({ way, group }) => way && group !== 'ours').map(({ name, way }) => `${title}: ${name} by ${way}`));
  const missing = rows.flatMap(({ title, entries }) => entries.filter(({ ms, reason }) => ms === undefined && reason).map(({ name, reason }) => `${title}: ${name} has no result (${reason})`));
  const gone = absent.map(({ name, reason }) => `not raced: ${name} (${reason})`);
  const versions = [...new Set(contestants.filter(({ version }) => version).map((one) => `${one.package} ${one.version}`))];
  return [`Versions: ${versions.join(', ')}.`, ...gone, ...ways, ...missing];
}

export function report(race) {
  const parts = [headline(race), '', alignColumns(timeCells(race)), '', "Others' time over ours (above 1: ours is faster):", alignColumns(ratioCells(race)), '', 'What each can express:', expressionCells(race).map((line, i) => (i === 0 ? '' : `  ${line[0]}: ${ASPECTS.map((aspect, a) => `${aspect} ${line[a + 1]}`).join('; ')}`)).slice(1).join('\n'), '', ...notes(race)];
  return parts.join('\n');
}
