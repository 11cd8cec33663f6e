/** Every example in JavaScript of every document in the repository, run as it stands, on the package under its own name. */
import assert from 'node:assert';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { suite } from 'uvu';

const test = suite('examples of the documents');
const root = fileURLToPath(new URL('..', import.meta.url));
/** Within the package, so that it finds itself by its name. */
const scratch = `${root}.cache/examples/`;
const SKIPPED = new Set(['node_modules', '.git', '.cache', 'dist', 'scratch']);

/** Documents whose first example makes the names that the others use: its lines stand before theirs. */
const CONTINUED = new Set(['web/README.md']);

/** What an example needs that is not there when tests run: [document, what it says, what stands in its place]. */
const STAND_INS = [
  ['tests/README.md', "'./web/index.js'", "'linear-attention-wasm'"],
  ['tests/README.md', "'.cache/debug/simd.wasm'", "'web/dist/simd.wasm'"],
];

/** Paths of all documents below a folder. */
async function findDocuments(folder = '') {
  const entries = await readdir(root + folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.filter(({ name }) => !SKIPPED.has(name)).map((entry) => {
      if (entry.isDirectory()) return findDocuments(`${folder}${entry.name}/`);
      return entry.name.endsWith('.md') ? [folder + entry.name] : [];
    }),
  );
  return found.flat().sort();
}

/** [{ path, line, language, code }] of a document's fenced blocks. */
function blocksOf(path, text) {
  return [...text.matchAll(/^( *)```(\S+)\n([^]*?)^\1```$/gm)].map(({ 1: indent, 2: language, 3: code, index }) => ({
    path,
    line: text.slice(0, index).split('\n').length,
    language,
    code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

const documents = await findDocuments();
const blocks = (await Promise.all(documents.map(async (path) => blocksOf(path, await readFile(root + path, 'utf8'))))).flat();
const examples = blocks.filter(({ language }) => language === 'js');

const IMPORT = /^import [^;]*;\n/gm;
const importsOf = (code) => code.match(IMPORT) ?? [];
const withoutImports = (code) => code.replace(IMPORT, '');

/** The lines that stand before an example: those of the document's first, without an instance where it makes its own. */
function contextOf({ path, code }) {
  const first = examples.find((example) => example.path === path);
  if (!CONTINUED.has(path) || first.code === code) return { imports: [], lines: '' };
  const makesItsOwn = /^const attention\b/m.test(code);
  const lines = withoutImports(first.code).trimStart().split('\n\n')[0].split('\n').filter((line) => !(makesItsOwn && line.startsWith('const attention')));
  return { imports: makesItsOwn ? [] : importsOf(first.code), lines: lines.join('\n') };
}

/** A module that runs an example in a block of its own, where it may use the names of its context anew. */
function moduleOf(example) {
  let { code } = example;
  for (const [path, told, instead] of STAND_INS) if (path === example.path) code = code.replaceAll(told, instead);
  const { imports, lines } = contextOf({ ...example, code });
  const all = [...new Set([...imports, ...importsOf(code)])].join('');
  return `${all}const console = globalThis.console.ofExample;\n${lines}\n{\n${withoutImports(code)}}\n`;
}

/** Runs an example and returns the lines that it printed. */
async function run(example) {
  const file = `${scratch}${example.path.replaceAll('/', '-')}-${example.line}.mjs`;
  await writeFile(file, moduleOf(example));
  const printed = [];
  globalThis.console.ofExample = { log: (...values) => printed.push(format(...values)) };
  await import(pathToFileURL(file));
  return printed;
}

/** The lines that an example says that it prints: what stands behind console.log. */
const toldBy = (code) => [...code.matchAll(/\bconsole\.log\(.*\); \/\/ (.*)$/gm)].map(([, line]) => line);

test.before(async () => {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
});

test.after(() => rm(scratch, { recursive: true, force: true }));

test('there are examples, all of them in plain JavaScript', () => {
  assert.ok(examples.length > 30, `${examples.length} examples`);
  const others = blocks.filter(({ language }) => /^(mjs|cjs|jsx|javascript|ts|tsx|typescript)$/.test(language));
  assert.deepEqual(others.map(({ path, line }) => `${path}:${line}`), []);
});

for (const example of examples) {
  test(`${example.path}:${example.line} runs and prints what it says`, async () => {
    const printed = await run(example);
    let from = 0;
    for (const line of toldBy(example.code)) {
      const at = printed.indexOf(line, from);
      assert.ok(at >= 0, `it says '${line}' and printed ${JSON.stringify(printed)}`);
      from = at + 1;
    }
  });
}

test.run();
