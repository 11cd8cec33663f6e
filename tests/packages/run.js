// Builds and runs a small app with each tool, and prints how the library fares: `npm run packages -- --help`.
// README.md has the table; the process ends with 1 where what was measured differs from it.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { closeBrowsers } from './page.js';
import { assertOutcome, checkSource, columns } from './program.js';
import { prepare, scratch, writeFiles } from './scratch.js';
import { rows } from './rows.js';
import { read, write } from './table.js';

const usage = `npm run packages [-- name ...]

  name ...    only the rows that have one of these in their name
  --readme    write the table into README.md
  --verbose   print the whole error of what fails, not its first line`;

const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { readme: { type: 'boolean' }, verbose: { type: 'boolean' }, help: { type: 'boolean' } } });
if (options.help) {
  console.log(usage);
  process.exit();
}
const names = Object.keys(columns);
const selected = rows.filter(({ name }) => positionals.length === 0 || positionals.some((word) => name.toLowerCase().includes(word.toLowerCase())));
if (selected.length === 0) throw new Error(`no row has such a name; there are ${rows.map(({ name }) => name).join(', ')}`);

/** What cannot be had, by what the library or the system says of it. */
const REASONS = { 'this engine has no Workers': 'no Workers there', 'memory cannot be shared': 'no shared memory there', 'not installed on this machine': 'not run, the tool is missing' };

const short = (error) => error.message.split('\n').find((line) => line.trim() !== '') ?? 'no message';

/** How one cell ends: 'ok', what is needed, or why not; the ways are tried in order. */
async function measure(row, column) {
  const failures = [];
  for (const [i, way] of row.ways.entries()) {
    if (way.columns && !way.columns.includes(column)) continue;
    const folder = join(scratch, 'apps', `${row.name} ${column} ${i}`.replace(/[^\w.]+/g, '-').toLowerCase());
    await writeFiles(folder, { 'package.json': '{ "private": true, "type": "module" }', 'check.js': checkSource, ...(way.files ?? row.files)(column) });
    try {
      const outcome = await way.run(column, folder);
      if (outcome !== 'compiled') assertOutcome(column, outcome);
      return way.needs ?? 'ok';
    } catch (error) {
      failures.push(`${way.needs ?? 'as it comes'}: ${options.verbose ? error.stack : short(error)}`);
    }
  }
  console.error(`${row.name}, ${column}\n  ${failures.join('\n  ')}`);
  const known = Object.keys(REASONS).find((said) => failures.at(-1).includes(said));
  return `no: ${REASONS[known] ?? 'fails'}`;
}

const print = (name, cells) => `| ${name} | ${cells.join(' | ')} |`;

const readme = new URL('../../README.md', import.meta.url);

await prepare();
const measured = new Map();
console.log(print('', names));
for (const row of selected) {
  const cells = [];
  for (const column of names) cells.push(await measure(row, column));
  measured.set(row.name, cells);
  console.log(print(row.name, cells));
}
await closeBrowsers();

const text = await readFile(readme, 'utf8');
const known = read(text, names);
if (options.readme) {
  const all = rows.map(({ name }) => [name, measured.get(name) ?? known.get(name)]).filter(([, cells]) => cells);
  await writeFile(readme, write(text, new Map(all), names));
} else {
  const differs = [...measured].filter(([name, cells]) => known.get(name)?.join() !== cells.join());
  if (differs.length > 0) console.log(`\nREADME.md says otherwise of\n${differs.map((row) => print(...row)).join('\n')}`);
  process.exitCode = differs.length > 0 ? 1 : 0;
}
process.exit();
