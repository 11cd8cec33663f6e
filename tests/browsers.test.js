// The oldest browsers that README.md names: what of the language and of the web the package uses is in them.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { suite } from 'uvu';

const test = suite('browsers');
const root = fileURLToPath(new URL('..', import.meta.url));

/** The newest things that each part needs, and since when browsers have them (MDN's tables). */
const needs = {
  everywhere: [
    { what: 'SIMD of WebAssembly', chrome: 91, firefox: 89, safari: 16.4 },
    { what: 'private fields and methods', chrome: 84, firefox: 90, safari: 15 },
    { what: 'Object.hasOwn, the newest function of ES2022', chrome: 93, firefox: 92, safari: 15.4 },
  ],
  workers: [
    { what: 'Workers whose script is a module', chrome: 80, firefox: 114, safari: 15 },
    { what: 'AbortSignal.throwIfAborted', chrome: 100, firefox: 97, safari: 15.4 },
  ],
};
const oldest = (list) => Object.fromEntries(['chrome', 'firefox', 'safari'].map((name) => [name, Math.max(...list.map((one) => one[name]))]));
const everywhere = oldest(needs.everywhere);
const workers = oldest([...needs.everywhere, ...needs.workers]);

test('README.md names them', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  assert.equal(workers.safari, everywhere.safari);
  assert.ok(readme.includes(`Chrome ${everywhere.chrome}, Firefox ${everywhere.firefox}, Safari ${everywhere.safari} (Workers and threads: Chrome ${workers.chrome}, Firefox ${workers.firefox})`));
});

const scripts = [
  [everywhere, ['index', 'inline', 'onnx', 'nn', 'learn']],
  [workers, ['worker', 'learn_worker', 'open_thread', 'dist/thread', 'dist/worker-thread', 'dist/learn-worker-thread']],
];

test('no syntax is newer: esbuild has nothing to rewrite for them', async () => {
  const text = async (entry, target) => {
    // They all have these escapes, but esbuild does not know every property and leaves the doubtful to the engine.
    const supported = { 'regexp-unicode-property-escapes': true };
    const { outputFiles } = await build({ entryPoints: [join(root, `web/${entry}.js`)], bundle: true, write: false, format: 'esm', platform: 'browser', external: ['node:*'], logLevel: 'error', target, supported });
    return outputFiles[0].text;
  };
  for (const [{ chrome, firefox, safari }, entries] of scripts) {
    for (const entry of entries) assert.ok((await text(entry, 'esnext')) === (await text(entry, [`chrome${chrome}`, `firefox${firefox}`, `safari${safari}`])), entry);
  }
});

test('no function of the language is newer than ES2022', async () => {
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const complaints = (lib) =>
    new Promise((resolve) => {
      const options = ['--allowJs', '--checkJs', '--noEmit', '--target', 'esnext', '--lib', `${lib},dom`, '--module', 'nodenext', '--types', ''];
      const entries = ['index', 'inline', 'worker', 'onnx', 'nn', 'learn', 'learn_worker', 'worker-thread', 'learn-worker-thread'].map((name) => `web/${name}.js`);
      // Sources without annotations make it complain of much else; these are its words on what a library of types lacks.
      execFile(process.execPath, [compiler, ...options, ...entries], { cwd: root, maxBuffer: 2 ** 26 }, (_, stdout) => resolve(stdout.split('\n').filter((line) => /error TS(2550|2568|2583)/.test(line))));
    });
  assert.deepEqual(await complaints('es2022'), []);
  assert.ok((await complaints('es2021')).some((line) => line.includes("'hasOwn'")), 'what is older than ES2022 is enough, or nothing was checked');
});

test.run();
