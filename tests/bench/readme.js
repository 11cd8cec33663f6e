/**
 * `npm run bench:readme -- FILE...`: writes what the benches' --json wrote into tests/bench/README.md, and into README.md
 * the short table of speed, and, with files or without, what the entries weigh and how exact results are. Each bench
 * fills the part between its own markers, <!-- NAME --> and <!-- /NAME -->, and leaves the others. Files of one bench, of
 * several machines, stand below one another.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { entrySizes } from './sizes.js';
import { accuracyTable, parts, sizesTable, summary } from './tables.js';

/** The text with what stands between a part's markers replaced; throws where they are missing. */
export function fill(text, name, content) {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const from = text.indexOf(open);
  const to = text.indexOf(close);
  if (from < 0 || to < from) throw new Error(`the document has no ${open} … ${close}`);
  return `${text.slice(0, from + open.length)}\n${content}\n${text.slice(to)}`;
}

/** tests/bench/README.md's text with figures of benches written into it. */
export function writeFigures(text, figures) {
  const unknown = figures.find(({ bench }) => !Object.hasOwn(parts, bench));
  if (unknown) throw new Error(`no bench is called ${unknown.bench}`);
  const names = [...new Set(figures.map(({ bench }) => bench))];
  return names.reduce((written, name) => fill(written, `bench:${name}`, figures.filter(({ bench }) => bench === name).map(parts[name]).join('\n\n')), text);
}

/** README.md's text with its own tables written into it; that of speed only where there was a race. */
export function writeSummary(text, figures, sizes) {
  const race = figures.find(({ bench }) => bench === 'peers');
  const filled = fill(fill(text, 'sizes', sizesTable(sizes)), 'accuracy', accuracyTable());
  return race ? fill(filled, 'speed', summary(race)) : filled;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const figures = await Promise.all(process.argv.slice(2).map(async (file) => JSON.parse(await readFile(file, 'utf8'))));
  const sizes = await entrySizes();
  const changes = [['README.md', (text) => writeFigures(text, figures)], ['../../README.md', (text) => writeSummary(text, figures, sizes)]];
  for (const [path, change] of changes) {
    const url = new URL(path, import.meta.url);
    await writeFile(url, change(await readFile(url, 'utf8')));
  }
}
