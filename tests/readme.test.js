// README.md: short, its links inside the package, its program run, and each of its numbers in the place that it comes from.
import assert from 'node:assert';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import { MAP_KINDS } from '../web/maps/map_kinds.js';
import { entrySizes } from './bench/sizes.js';
import { accuracyTable, sizesTable } from './bench/tables.js';
import { nodeText, packedPaths, root, writeApp } from './consumer.js';
import { columns } from './packages/program.js';
import { rows } from './packages/rows.js';
import { read as readPackages, render } from './packages/table.js';
import { numbersOf, readPromises } from './promises.js';

const test = suite('README');
const read = (path) => readFile(join(root, path), 'utf8');
const readme = await read('README.md');

/** What stands between a part's markers. */
function part(name) {
  const found = new RegExp(`<!-- ${name} -->\n([^]*?)\n<!-- /${name} -->`).exec(readme);
  assert.ok(found, `README.md has no part ${name}`);
  return found[1];
}

const cellsOf = (table) => table.split('\n').map((line) => line.slice(2, -2).split(' | '));

test('has at most 12 KB, and a picture of at most 60 kB', async () => {
  assert.ok(Buffer.byteLength(readme) <= 12_288, `${Buffer.byteLength(readme)} bytes`);
  const [, picture] = /^!\[[^\]]+\]\((\S+)\)$/m.exec(readme);
  const { size } = await stat(join(root, picture));
  assert.ok(size <= 60_000, `${picture} has ${size} bytes`);
});

/** Paths of the files below a folder, from the root on; what commands put there aside. */
async function filesIn(folder) {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const paths = entries.filter(({ name }) => !['node_modules', 'scratch', 'dist'].includes(name)).map((entry) => (entry.isDirectory() ? filesIn(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]));
  return (await Promise.all(paths)).flat();
}

const files = ['build.sh', 'package.json', 'LICENSE', 'README.md', 'CHANGELOG.md', 'SECURITY.md', ...(await Promise.all(['src', 'web', 'tests', 'demo'].map(filesIn))).flat()];
const documents = files.filter((path) => path.endsWith('.md'));

test('all documents are looked at', () => {
  for (const name of ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'demo/README.md', 'src/README.md', 'tests/README.md', 'tests/bench/README.md', 'web/README.md']) assert.ok(documents.includes(name), name);
});

test('links lead to files and headings that are there, those of documents in the package to files in it', async () => {
  const packed = await packedPaths();
  for (const name of documents) {
    // Code may have brackets before parentheses.
    const text = (await read(name)).replace(/^( *)```[^]*?^\1```/gm, '').replace(/`[^`\n]*`/g, '');
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https:/.test(target)) continue;
      const [path, heading] = target.split('#');
      const file = path === '' ? name : join(name, '..', path);
      const there = packed.includes(name) ? packed : files;
      assert.ok(there.includes(file), `${name} links to ${target}, which is not ${packed.includes(name) ? 'packed' : 'there'}`);
      if (heading !== undefined) assert.ok((await headings(file)).includes(heading), `${name} links to ${target}, a heading that is not there`);
    }
  }
});

test('files, entries and scripts that a document names are there', async () => {
  const { scripts, exports } = JSON.parse(await read('package.json'));
  for (const name of documents) {
    const text = await read(name);
    for (const [, script] of text.matchAll(/npm run ([\w:]+)/g)) assert.ok(scripts[script], `${name} names npm run ${script}`);
    for (const [, path] of text.matchAll(/`([\w.-]+(?:\/[\w.-]+)+\.\w+)`/g)) {
      const isEntry = path.startsWith('linear-attention-wasm/');
      assert.ok(isEntry ? exports[path.replace('linear-attention-wasm', '.')] : files.some((file) => `/${file}`.endsWith(`/${path.replace(/^\.\//, '')}`)), `${name} names ${path}`);
    }
    for (const [, entry] of text.matchAll(/`(linear-attention-wasm(?:\/[a-z]+)+)`/g)) assert.ok(exports[entry.replace('linear-attention-wasm', '.')], `${name} names ${entry}`);
  }
});

/** The anchors of a document's headings, as they are made of titles. */
async function headings(file) {
  const titles = [...(await read(file)).matchAll(/^#+ (.+)$/gm)].map(([, title]) => title);
  return titles.map((title) => title.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-'));
}

test('its program prints what it says, installed from the tarball', async () => {
  const [, program] = /```js\n(import [^]*?)```/.exec(readme);
  const [, output] = /```text\n([^]*?)```/.exec(readme);
  assert.ok(program.trimEnd().split('\n').length <= 10, 'the program has grown long');
  const folder = await writeApp('readme', { 'main.mjs': program });
  assert.equal(await nodeText(join(folder, 'main.mjs'), folder), output);
});

test('the tarball in it is of this version, and there are as many maps as it says', async () => {
  const { version } = JSON.parse(await read('package.json'));
  assert.deepEqual([...readme.matchAll(/linear-attention-wasm-(\S+)\.tgz/g)].map(([, told]) => told), [version]);
  assert.ok(readme.includes('ten feature maps'));
  assert.equal(Object.keys(MAP_KINDS).length, 10);
});

test('the table of bundlers is as `npm run packages` writes it, of every row, with a recipe for all that is needed', async () => {
  const names = Object.keys(columns);
  const known = readPackages(readme, names);
  assert.deepEqual([...known.keys()].sort(), rows.map(({ name }) => name).sort());
  const ordered = new Map(rows.map(({ name }) => [name, known.get(name)]));
  assert.equal(`${part('packages')}\n`, render(ordered, names));
  const recipes = readme.split('<!-- /packages -->\n')[1].split('\n## ')[0];
  for (const cells of known.values()) {
    for (const cell of cells.filter((one) => one !== 'ok')) assert.ok(recipes.includes(cell.replace(/^no: /, '')), `no recipe: ${cell}`);
  }
});

test('versions in the table of bundlers are those that are installed for it', async () => {
  const { dependencies } = JSON.parse(await read('tests/packages/package.json'));
  for (const { name } of rows) {
    const [, tool, version] = /^(\w+) (\d[\d.]*)/.exec(name) ?? [];
    if (tool === undefined) continue;
    const wanted = Object.entries(dependencies).filter(([key]) => key.startsWith(tool.toLowerCase())).map(([, spec]) => spec.split('@').at(-1));
    assert.ok(wanted.some((spec) => spec === version || spec.startsWith(`${version}.`)), `${name}: ${wanted}`);
  }
});

test('sizes are those of the entries, within a kilobyte or so: compressors differ', async () => {
  const [told, measured] = [part('sizes'), sizesTable(await entrySizes())].map(cellsOf);
  assert.deepEqual(told.map(([entry]) => entry), measured.map(([entry]) => entry));
  for (const [i, cells] of told.entries()) {
    const [mine, theirs] = [cells, measured[i]].map((line) => line.slice(1).join(' ').match(/[\d.]+/g) ?? []);
    assert.equal(mine.length, theirs.length, cells[0]);
    for (const [j, kilobytes] of mine.entries()) assert.ok(Math.abs(kilobytes - theirs[j]) <= 1, `${cells[0]}: ${kilobytes} KB, measured ${theirs[j]}: npm run bench:readme writes it`);
  }
});

test('bounds of accuracy are those of tests/tolerance.js', () => assert.equal(part('accuracy'), accuracyTable()));

test('speeds are those of the race in tests/bench/README.md', async () => {
  const [where, , ...table] = part('speed').split('\n');
  const race = (await read('tests/bench/README.md')).split('<!-- bench:peers -->')[1].split('\n### ').slice(1).find((text) => where.startsWith(text.split('\n')[0]));
  assert.ok(race, `no race of ${where}`);
  const [names, , ...lines] = cellsOf(race.match(/\|[^]*?(?=\n\n)/)[0]);
  const [head, , ...mine] = cellsOf(table.join('\n'));
  assert.equal(mine.length, 5);
  for (const [title, ...cells] of mine) {
    const line = lines.find((one) => one[0] === title);
    assert.ok(line, `no case ${title}`);
    assert.deepEqual(cells, head.slice(1).map((name) => line[names.indexOf(name)]), title);
  }
});

test('every other number in it is of a promise that tests/README.md gives the proof of', async () => {
  const promises = (await readPromises()).filter(({ document }) => document === 'README.md');
  const programs = readme.replace(/^```[^]*?^```/gm, '');
  const prose = ['packages', 'sizes', 'accuracy', 'speed'].reduce((text, name) => text.replace(part(name), ''), programs);
  for (const { promise } of promises) assert.ok(prose.includes(promise), `README.md does not say: ${promise}`);
  const rest = promises.reduce((text, { promise }) => text.replaceAll(promise, ''), prose).replace(/\]\([^)]*\)/g, ']').replace(/et al\. \d{4}/g, '').replace(/`[^`\n]*`/g, '');
  assert.deepEqual(numbersOf(rest), []);
});

test.run();
