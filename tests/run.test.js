// What the words after `npm test --` select, and that they run it.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { findTests, select } from './select.js';
import { titles } from './suites/index.js';

const test = suite('selection of tests');
const root = fileURLToPath(new URL('..', import.meta.url));
const selected = (...words) => select(words, findTests(), titles);
const builds = ['relaxed-threads', 'relaxed', 'scalar', 'simd-threads', 'simd'].map((name) => `tests/${name}.test.js`);

/** Runs tests/run.js; resolves to its exit code and output. */
const runTests = (...words) =>
  new Promise((resolve) => {
    execFile(process.execPath, ['tests/run.js', ...words], { cwd: root }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
  });

test('no word selects every file', () => {
  const { files, suites } = selected();
  assert.equal(suites, null);
  for (const path of [...builds, 'tests/run.test.js', 'tests/browser/demo.test.js']) assert.ok(files.includes(path), path);
});

test('a path or a name selects one file, not those whose names begin alike', () => {
  for (const word of ['tests/simd.test.js', './tests/simd.test.js', `${root}tests/simd.test.js`, 'simd'])
    assert.deepEqual(selected(word), { files: ['tests/simd.test.js'], suites: null }, word);
  assert.deepEqual(selected('tests/tolerance.test.js', 'util').files, ['tests/tolerance.test.js', 'tests/util.test.js']);
  assert.deepEqual(selected('threads').files, ['tests/threads.test.js'], 'the file in tests/ before that in tests/browser/');
});

test('part of a path selects every file that has it', () => {
  assert.ok(selected('browser').files.length > 3 && selected('browser').files.every((path) => path.startsWith('tests/browser')));
});

test('a suite runs on every build, or on those named beside it', () => {
  assert.deepEqual(selected('feature map'), { files: builds, suites: ['feature maps'] });
  assert.deepEqual(selected('simd', 'feature map'), { files: ['tests/simd.test.js'], suites: ['feature maps'] });
  assert.deepEqual(selected('state').suites, ['state'], 'a whole title before part of one');
  assert.deepEqual(selected('arguments of').suites, ['arguments of calls', 'arguments of objects', 'arguments of maps']);
  assert.deepEqual(selected('tolerance', 'gap').files, [...builds, 'tests/tolerance.test.js'].sort());
});

test('the name of a suite of one file selects that file', () => {
  assert.deepEqual(selected('selection of tests'), { files: ['tests/run.test.js'], suites: null });
});

test('a word that names nothing is refused with all that there is, also beside one that does', async () => {
  const { code, stdout, stderr } = await runTests('tolerance', 'no-such-thing');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /No test file or suite is called 'no-such-thing'/);
  for (const name of ['tests/simd.test.js', 'tests/browser/demo.test.js', 'feature maps', 'arguments of calls']) assert.ok(stderr.includes(name), name);
});

test('one suite on one build runs, and nothing else', async () => {
  const { code, stdout } = await runTests('simd', 'memory');
  assert.equal(code, 0, stdout);
  assert.match(stdout, /simd: memory/);
  assert.doesNotMatch(stdout, /simd: (build|softmax|exp)|scalar/);
  assert.match(stdout, /\n[1-9]\d* passed, 0 failed\n$/);
});

test.run();
