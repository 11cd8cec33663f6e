// Promises in numbers: each has a proof that is there and speaks of these numbers; and those that no other test asserts.
import assert from 'node:assert';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import { createAttention } from '../web/index.js';
import { root } from './consumer.js';
import { numbersOf, readPromises } from './promises.js';

const test = suite('promises');
const read = (path) => readFile(join(root, path), 'utf8');
const magnitudes = (text) => numbersOf(text).map(Math.abs);

test('numbers are seen, and names are none', () => {
  assert.deepEqual(numbersOf('dim 1 to 1,024, float32, −87.33, 5e-6, 1_000, 2 ** 17, SIMD128, v1.2'), [1, 1024, -87.33, 5e-6, 1000, 2, 17, 2 ** 17]);
});

const promises = await readPromises();

test('there are some', () => assert.ok(promises.length >= 10));

for (const { document, promise, proofs } of promises) {
  test(`${document}: ${promise}`, async () => {
    const numbers = magnitudes(promise);
    assert.ok(numbers.length > 0, 'it has no number');
    const told = new Set(magnitudes(await read(document)));
    assert.deepEqual(numbers.filter((number) => !told.has(number)), [], `${document} has not these`);
    const { scripts } = JSON.parse(await read('package.json'));
    const commands = proofs.filter((proof) => proof.startsWith('npm '));
    for (const command of commands) assert.ok(scripts[command.split(' ').filter((word) => word !== 'run')[1]], `there is no ${command}`);
    const files = proofs.filter((proof) => !proof.startsWith('npm '));
    for (const file of files) await access(join(root, file));
    assert.ok(proofs.length > 0, 'it has no proof');
    const proved = new Set((await Promise.all(files.map(read))).flatMap(magnitudes));
    if (commands.length === 0) assert.deepEqual(numbers.filter((number) => !proved.has(number)), [], `${files} do not speak of these`);
  });
}

test('a state takes 2.6 times the bytes of S at 64 × 64, 2.3 at 128 × 128', async () => {
  const attention = await createAttention({ build: 'simd' });
  for (const [dim, times] of [[64, 2.6], [128, 2.3]]) {
    const state = attention.state({ heads: 8, dim });
    assert.ok(Math.abs(state.bytes / (4 * 8 * dim * dim) - times) < 0.05, `${state.bytes}`);
  }
  attention.dispose();
});

test('a history takes two more copies of the state and max(4·W, 64) tokens of dim + valueDim + features + 2 floats a head', async () => {
  const attention = await createAttention({ build: 'simd' });
  for (const [heads, dim, valueDim] of [[1, 64, 64], [4, 256, 512]]) {
    const { bytes } = attention.state({ heads, dim, valueDim });
    for (const history of [8, 64]) {
      const tokens = Math.max(4 * history, 64) * (2 * dim + valueDim + 2) * 4 * heads;
      const more = attention.state({ heads, dim, valueDim, history }).bytes;
      assert.ok(Math.abs(more / (3 * bytes + tokens) - 1) < 0.03, `${more} bytes, by the formula ${3 * bytes + tokens}`);
    }
  }
  attention.dispose();
});

test.run();
