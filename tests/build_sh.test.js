// ./build.sh build, of one build and for debugging. Everything is current when tests run, so that only the debug build compiles.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { createAttention } from '../web/index.js';

const test = suite('build.sh');
const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs ./build.sh build; resolves to its exit code and what it said. */
const build = (...args) =>
  new Promise((resolve) => {
    execFile('./build.sh', ['build', ...args], { cwd: root }, (error, _, stderr) => resolve({ code: error?.code ?? 0, said: stderr }));
  });
const read = (path) => readFile(`${root}${path}`);
const namesOf = async (path) => WebAssembly.Module.customSections(new WebAssembly.Module(await read(path)), 'name');

test('one build by its name, or several, and no others', async () => {
  const one = await build('simd');
  assert.equal(one.code, 0, one.said);
  assert.deepEqual(one.said.match(/web\/dist\/\S+/g), ['web/dist/simd.wasm', 'web/dist/inline-simd.js']);
  const two = await build('scalar', 'relaxed');
  assert.deepEqual(two.said.match(/web\/dist\/\S+/g), ['web/dist/scalar.wasm', 'web/dist/relaxed.wasm']);
  const none = await build('simd', 'turbo');
  assert.equal(none.code, 2);
  assert.match(none.said, /unknown argument 'turbo'/);
});

test('--debug keeps the names of functions, says where, and leaves what is shipped alone', async () => {
  const shipped = await read('web/dist/simd.wasm');
  const { code, said } = await build('--debug', 'simd');
  assert.equal(code, 0, said);
  assert.match(said, /^\.cache\/debug\/simd\.wasm has its names and asserts$/m);
  assert.equal((await namesOf('.cache/debug/simd.wasm')).length, 1);
  assert.equal((await namesOf('web/dist/simd.wasm')).length, 0);
  assert.ok(shipped.equals(await read('web/dist/simd.wasm')));
  assert.doesNotMatch((await build('simd')).said, /Compiling/, 'the debug build was taken for the other');
  const attention = await createAttention({ wasm: await read('.cache/debug/simd.wasm') });
  assert.equal(attention.build, 'simd');
  attention.dispose();
});

test.run();
