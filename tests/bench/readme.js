/**
 * `npm run bench:readme -- FILE...`: writes the README's speed tables from what the benches' --json wrote. Each file
 * fills the parts between its own markers, <!-- bench:NAME --> and <!-- /bench:NAME -->, and leaves the others.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { crossoverText } from './growth.js';
import { expressionCells, headline, markdown, ratioCells, timeCells } from './peers/table.js';

const README = new URL('../../README.md', import.meta.url);

/** The text with what stands between a part's markers replaced; throws where they are missing. */
export function fill(text, name, content) {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const from = text.indexOf(open);
  const to = text.indexOf(close);
  if (from < 0 || to < from) throw new Error(`README.md has no ${open} … ${close}`);
  return `${text.slice(0, from + open.length)}\n${content}\n${text.slice(to)}`;
}

const ran = ({ machine, version, build, threads, date }) => `${machine}; version ${version}, ${build} build, ${threads} thread${threads === 1 ? '' : 's'}, ${date.slice(0, 10)}.`;

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

/** Wins and losses alike: every ratio of the race stands in the table. */
function peers({ races }) {
  const tables = races.map((race) => `${headline(race)}. Medians, interleaved.\n\n${markdown(timeCells(race))}\n\n${markdown(ratioCells(race))}`);
  return [...tables, markdown(expressionCells(races[0]))].join('\n\n');
}

const parts = { kernels, growth, peers };

/** README text with one bench's figures written into it. */
export function writeFigures(text, figures) {
  const render = parts[figures.bench];
  if (!render) throw new Error(`no bench is called ${figures.bench}`);
  return fill(text, figures.bench, render(figures));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const files = process.argv.slice(2);
  if (files.length === 0) {
    process.stderr.write('Usage: npm run bench:readme -- FILE...   (files that the benches wrote with --json)\n');
    process.exit(2);
  }
  let text = await readFile(README, 'utf8');
  for (const file of files) text = writeFigures(text, JSON.parse(await readFile(file, 'utf8')));
  await writeFile(README, text);
}
