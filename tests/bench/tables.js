/** What the benches' --json wrote, as the tables of tests/bench/README.md and README.md. */
import { tolerances } from '../tolerance.js';
import { crossoverText } from './growth.js';
import { conditions, expressionCells, markdown, ratioCells, timeCells } from './peers/table.js';
import { shapesText } from './shapes.js';
import { statesText } from './states.js';

const ran = ({ machine, version, build, threads, date }) => `### ${machine}\n\nVersion ${version}, ${build} build, ${threads} thread${threads === 1 ? '' : 's'}, ${date.slice(0, 10)}.`;

function kernels(figures) {
  const { heads, length, dim } = figures;
  const rows = figures.kernels.map(({ name, ms, gflops, share }) => [name, ms.toFixed(2), gflops.toFixed(1), `${(100 * share).toFixed(0)} %`]);
  const family = figures.family?.map(({ name, ms, share, ofReference }) => [name, ms.toFixed(2), `${(100 * share).toFixed(0)} %`, `${(100 * ofReference).toFixed(0)} %`]);
  const threaded = figures.threaded?.map(({ name, ms, threadsMs, faster }) => [name, ms.toFixed(2), threadsMs.toFixed(2), faster.toFixed(2)]);
  const tokens = figures.tokens.map(({ name, microseconds }) => [name.trim(), microseconds.toFixed(1)]);
  const tables = [
    markdown([['', 'ms', 'GFLOP/s', 'of the tile'], ...rows]),
    family && markdown([['causal, map or preset', 'ms', 'of the tile', 'of elu'], ...family]),
    threaded && markdown([[`${figures.threads} threads`, '1 thread, ms', 'all, ms', 'times faster'], ...threaded]),
    markdown([['one token', 'µs'], ...tokens]),
  ];
  return [`${ran({ ...figures, threads: 1 })} Batch 1, ${heads} heads of ${dim}, T = ${length}.`, ...tables.filter(Boolean)].join('\n\n');
}

function growth(figures) {
  const fits = figures.growth.flatMap(({ causal, fits: list }) =>
    list.map(({ kind, exponent, from, to, expected }) => [`${causal ? 'causal' : 'full'} ${kind}`, `T^${exponent.toFixed(2)}`, `T^${expected}`, `${from} … ${to}`]),
  );
  const faster = figures.crossovers.map(({ dim, causal, full }) => [String(dim), crossoverText(causal), crossoverText(full)]);
  return `${ran(figures)}\n\n${markdown([['time grows as', 'measured', 'by the formula', 'T'], ...fits])}\n\n${markdown([['linear is faster than softmax from T, dim', 'causal', 'full'], ...faster])}`;
}

const shapes = (figures) => `${ran(figures)}\n\n${shapesText(figures.shapes)}`;

const states = (figures) => `${ran(figures)}\n\n${statesText(figures.states)}`;

/** Wins and losses alike: every case of the race stands in the tables. */
function peers({ races }) {
  const tables = races.map((race) => `### ${race.machine}, ${race.engine}\n\n${conditions(race)}. The fastest of ${race.rounds} rounds, in turns.\n\n${markdown(timeCells(race))}\n\n${markdown(ratioCells(race))}`);
  return [...tables, `### What each can express\n\n${markdown(expressionCells(races[0]))}`].join('\n\n');
}

/** The parts of tests/bench/README.md by the name of the bench. */
export const parts = { kernels, growth, shapes, states, peers };

/** The cases of README.md's table, those in which others come nearest among them. */
const CASES = ['linear-causal', 'linear-full', 'softmax-full', 'linear-token', 'softmax-token'];

/** README.md's table of speed: the longest of each case, in a browser where the race was run in one. */
export function summary({ races }) {
  const race = races.find(({ engine }) => /Chrome|Firefox/.test(engine)) ?? races[0];
  const contestants = race.contestants.filter(({ group, keeping }) => group !== 'native' && keeping !== 'resident');
  const rows = CASES.map((id) => race.rows.filter((row) => row.id === id).at(-1));
  const { machine, engine, threads, heads, dim, date } = race;
  return `${machine}, ${engine}, ${date.slice(0, 10)}, ${threads} thread${threads === 1 ? '' : 's'}, ${heads} heads of ${dim}:\n\n${markdown(timeCells({ contestants, rows }))}`;
}

const kilobytes = (bytes) => (bytes < 950 ? (bytes / 1000).toFixed(1) : String(Math.round(bytes / 1000)));

/** README.md's table of what the entries weigh, in KB of 1,000 bytes. */
export function sizesTable(entries) {
  const cells = entries.map(({ name, holds, script, worker, wasm }) => [`\`${name}\`: ${holds}`, `${kilobytes(script)}${worker === null ? '' : ` + ${kilobytes(worker)}`}`, wasm === null ? '–' : kilobytes(wasm)]);
  return markdown([['import from', 'script', 'wasm'], ...cells]);
}

/** Results by the rule that holds for them. */
const BOUNDS = {
  softmax: 'softmax, any number of keys',
  linear: 'linear, any number of tokens; elu, relu, identity',
  'map linear': 'linear, other feature maps, dim to 256',
  gated: 'decay',
  delta: 'delta rules',
  gradient: 'gradients',
};

/** README.md's table of accuracy. */
export function accuracyTable() {
  const cells = Object.entries(BOUNDS).map(([rule, title]) => [title, String(tolerances[rule].relative), String(tolerances[rule].worst)].map((cell) => cell.replace(/^0\.0000*([1-9])(\d*)$/, (text) => Number(text).toExponential())));
  return markdown([['', 'relative error (L2)', 'worst element, of the largest'], ...cells]);
}
