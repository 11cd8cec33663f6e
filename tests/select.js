/** What `npm test -- WORD ...` runs: words name test files, or suites that several of them run. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Every test file: its path from the repository's root, whether it runs the suites of tests/suites, and the suites of its own. */
export function findTests() {
  return readdirSync(`${root}tests`, { recursive: true })
    .map((name) => `tests/${name.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.test.js') && !path.includes('/node_modules/'))
    .sort()
    .map((path) => {
      const text = readFileSync(root + path, 'utf8');
      return { path, shared: /^runSuites\(/m.test(text), own: [...text.matchAll(/\bsuite\('([^']+)'\)/g)].map(([, name]) => name) };
    });
}

const stem = (path) => path.replace(/^tests\//, '').replace(/\.test\.js$/, '');
const lastOf = (path) => path.slice(path.lastIndexOf('/') + 1);

/** The files or the shared suites that a word names: the narrowest reading that names any. */
function readWord(word, tests, titles) {
  const asPath = stem(word.replaceAll('\\', '/').replace(root, '').replace(/^\.\//, ''));
  const files = (named) => tests.filter(named).map(({ path }) => path);
  const readings = [
    { files: files(({ path }) => stem(path) === asPath) },
    { files: files(({ path }) => lastOf(stem(path)) === asPath) },
    { suites: titles.filter((title) => title === word) },
    { files: files(({ path }) => path.includes(word)) },
    { suites: titles.filter((title) => title.includes(word)) },
    { files: files(({ own }) => own.some((name) => name.includes(word))) },
  ];
  return readings.find(({ files, suites }) => (files ?? suites).length > 0);
}

/**
 * { files, suites }: the files to run and, unless it is null, the shared suites that they are to run. Suites alone run on
 * every build; beside files of builds (simd, scalar-threads ...) on those.
 */
export function select(words, tests, titles) {
  if (words.length === 0) return { files: tests.map(({ path }) => path), suites: null };
  const read = words.map((word) => [word, readWord(word, tests, titles)]);
  const unknown = read.filter(([, reading]) => !reading).map(([word]) => `'${word}'`);
  if (unknown.length > 0) throw new Error(`No test file or suite is called ${unknown.join(' or ')}. There are\n${listing(tests, titles)}`);
  const files = new Set(read.flatMap(([, reading]) => reading.files ?? []));
  const suites = [...new Set(read.flatMap(([, reading]) => reading.suites ?? []))];
  const shared = tests.filter((test) => test.shared).map(({ path }) => path);
  if (suites.length > 0 && !shared.some((path) => files.has(path))) shared.forEach((path) => files.add(path));
  return { files: [...files].sort(), suites: suites.length > 0 ? suites : null };
}

/** What the words can be. */
function listing(tests, titles) {
  return `files:\n${tests.map(({ path }) => `  ${path}`).join('\n')}\nsuites, which every build runs:\n  ${titles.join(', ')}`;
}
