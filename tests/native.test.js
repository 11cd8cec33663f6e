/** The C core, natively: a fixed corpus for every target under every sanitizer, and what the instrument itself must cover. */
import assert from 'node:assert';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import { build, root, sanitizers } from './native/build.js';
import { lint } from './native/lint.js';
import { runFuzzer, seeds, targetNames } from './native/fuzz.js';

const test = suite('native');
const source = (path) => readFile(join(root, path), 'utf8');
const COUNT = 25;
const targets = await targetNames();

test('every function of the public headers is known to the targets and called by one', async () => {
  const headers = (await source('src/linear_attention.h')) + (await source('src/nn.h')) + (await source('src/learn.h'));
  const functions = [...headers.matchAll(/LA_API\((la_\w+)\)/g)].map((match) => match[1]);
  const known = new Set([...(await source('tests/native/core.h')).matchAll(/X\((la_\w+)\)/g)].map((match) => match[1]));
  const folder = join(root, 'tests/native');
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.c') || name === join('targets', 'slices.h'));
  const calls = (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
  assert.ok(functions.length > 20);
  for (const name of functions) {
    assert.ok(known.has(name), `${name} is not in tests/native/core.h`);
    assert.match(calls.replaceAll('function##_items', 'la_softmax_items la_linear_items'), new RegExp(`\\b${name}\\b`), `no target calls ${name}`);
  }
});

for (const sanitizer of Object.keys(sanitizers)) {
  test(`${sanitizer}: builds`, () => build(sanitizer));

  for (const target of await targetNames(sanitizer)) {
    test(`${sanitizer}: ${target}`, async () => {
      const { code, output, executions } = await runFuzzer(sanitizer, target, ['-runs=0', await seeds(COUNT)]);
      assert.equal(code, 0, output.split('\n').filter((line) => !/^(#\d+\t|MS: |0x|Base64)/.test(line)).join('\n'));
      assert.ok(executions >= COUNT, `${executions} executions`);
    });
  }
}

test('a fuzzer that is asked for no target it has says which there are', async () => {
  const { code, output } = await runFuzzer('address', 'none', ['-runs=0']);
  assert.equal(code, 2);
  for (const target of targets) assert.match(output, new RegExp(`\\b${target}\\b`));
});

test('clang-tidy and cppcheck find nothing', async () => {
  assert.equal(await lint(), '');
});

test.run();
