/** createAttention: what it takes, what it refuses, what it says of itself. */
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { AttentionError, createAttention, version } from '../web/index.js';
import { assertSame } from './tolerance.js';
import { inputs } from './util.js';

const test = suite('createAttention');
const place = new URL('../web/dist/simd.wasm', import.meta.url);
const bytes = await readFile(place);
const qkv = Object.values(inputs({ T: 20, dim: 8 }));

async function rejects(options, kind, pattern) {
  await assert.rejects(
    () => createAttention(options),
    (error) => {
      assert.equal(error.constructor, kind, error.message);
      assert.match(error.code ?? error.message, pattern);
      return true;
    },
  );
}

test('takes bytes, a module, a Response and a URL, and gives the same bits', async () => {
  const packaged = await createAttention();
  const expected = packaged.softmax(...qkv);
  const response = () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } });
  const mistyped = () => new Response(bytes, { headers: { 'content-type': 'text/plain' } });
  for (const wasm of [
    bytes,
    new Uint8Array(bytes).buffer,
    await WebAssembly.compile(bytes),
    response(),
    mistyped(),
    place,
    place.href,
  ]) {
    const attention = await createAttention({ wasm });
    assert.equal(attention.build, 'simd');
    assertSame(attention.softmax(...qkv), expected);
    attention.dispose();
  }
  packaged.dispose();
});

test('build names', async () => {
  for (const build of ['auto', 'simd']) {
    const attention = await createAttention({ build });
    assert.equal(attention.build, 'simd');
    attention.dispose();
  }
  await rejects({ build: 'fastest' }, RangeError, /build/);
  await rejects({ build: '' }, RangeError, /build/);
  for (const build of [1, null, {}]) await rejects({ build }, TypeError, /build/);
});

test('threads: whole and positive; more than one is told once and runs on one', async () => {
  for (const threads of [0, -1, 1.5, NaN]) await rejects({ threads }, RangeError, /threads/);
  for (const threads of ['1', null, true]) await rejects({ threads }, TypeError, /threads/);
  const told = [];
  const warn = console.warn;
  console.warn = (...words) => told.push(words.join(' '));
  try {
    for (let i = 0; i < 2; i++) {
      const attention = await createAttention({ threads: 4 });
      assert.equal(attention.threads, 1);
      attention.dispose();
    }
  } finally {
    console.warn = warn;
  }
  assert.equal(told.length, 1);
  assert.match(told[0], /thread/);
});

test('refuses what is no wasm', async () => {
  for (const wasm of [5, true, null, {}]) await rejects({ wasm }, TypeError, /wasm/);
  await rejects({ wasm: new Uint8Array(100) }, AttentionError, /^load-failed$/);
  await rejects({ wasm: bytes.subarray(0, 1000) }, AttentionError, /^load-failed$/);
  await rejects({ wasm: new Response('not found', { status: 404 }) }, AttentionError, /^load-failed$/);
  await rejects({ wasm: new URL('./no-such-file.wasm', place) }, AttentionError, /^load-failed$/);
});

test('refuses another module', async () => {
  const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  await rejects({ wasm: empty }, AttentionError, /^load-failed$/);
  await rejects({ wasm: await WebAssembly.compile(empty) }, AttentionError, /^load-failed$/);
});

test('refuses options that are none', async () => {
  for (const options of [null, 5, 'auto', true]) await rejects(options, TypeError, /options/);
});

test('versions agree', async () => {
  const { version: packaged } = JSON.parse(await readFile(new URL('../package.json', import.meta.url)));
  const attention = await createAttention();
  assert.equal(version, packaged);
  assert.equal(attention.version, packaged);
  attention.dispose();
});

test('AttentionError is an Error with a code', async () => {
  const attention = await createAttention();
  attention.dispose();
  assert.throws(
    () => attention.tensor([1]),
    (error) =>
      error instanceof AttentionError &&
      error instanceof Error &&
      error.name === 'AttentionError' &&
      error.code === 'disposed',
  );
});

test.run();
