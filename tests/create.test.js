/** createAttention: what it takes, what it refuses, what it says of itself. */
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import { AttentionError, createAttention, version } from '../web/index.js';
import { createAttention as createInline } from '../web/inline.js';
import { assertSame } from './tolerance.js';
import { inputs } from './util.js';

const test = suite('createAttention');
const place = new URL('../web/dist/simd.wasm', import.meta.url);
const bytes = await readFile(place);
const qkv = Object.values(inputs({ T: 20, dim: 8 }));

async function rejects(options, kind, pattern, told = /./) {
  await assert.rejects(
    () => createAttention(options),
    (error) => {
      assert.equal(error.constructor, kind, error.message);
      assert.match(error.code ?? error.message, pattern);
      assert.match(error.message, told);
      return true;
    },
  );
}

test('takes bytes, a module, a Response and a URL, and gives the same bits', async () => {
  const packaged = await createAttention({ build: 'simd' });
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

test('build names; auto takes relaxed SIMD where the engine has it', async () => {
  for (const build of ['auto', 'simd', 'relaxed']) {
    const attention = await createAttention({ build });
    assert.equal(attention.build, build === 'auto' ? 'relaxed' : build);
    attention.dispose();
  }
  await rejects({ build: 'fastest' }, RangeError, /build/);
  await rejects({ build: '' }, RangeError, /build/);
  for (const build of [1, null, {}]) await rejects({ build }, TypeError, /build/);
});

test('a module that was given must be of the build that was asked for', async () => {
  await rejects({ build: 'relaxed', wasm: bytes }, RangeError, /wasm must hold the build 'relaxed', got 'simd'/);
  const attention = await createAttention({ build: 'simd', wasm: bytes });
  attention.dispose();
});

test('without relaxed SIMD auto takes simd, and relaxed is refused', async () => {
  const { validate } = WebAssembly;
  WebAssembly.validate = (probe) => !probe.includes(133) && validate(probe);
  try {
    const attention = await createAttention();
    assert.equal(attention.build, 'simd');
    attention.dispose();
    await rejects({ build: 'relaxed' }, AttentionError, /^unsupported$/);
  } finally {
    WebAssembly.validate = validate;
  }
});

test('the inline entry carries simd alone', async () => {
  const attention = await createInline();
  assert.equal(attention.build, 'simd');
  attention.dispose();
  await assert.rejects(() => createInline({ build: 'relaxed' }), { code: 'unsupported' });
});

test('refuses what is no wasm', async () => {
  for (const wasm of [5, true, null, {}]) await rejects({ wasm }, TypeError, /wasm/);
  await rejects({ wasm: new Uint8Array(100) }, AttentionError, /^load-failed$/);
  await rejects({ wasm: bytes.subarray(0, 1000) }, AttentionError, /^load-failed$/);
  await rejects({ wasm: new Response('<!doctype html>', { headers: { 'content-type': 'text/html; charset=utf-8' } }) }, AttentionError, /^load-failed$/, /answered with a page\. Copy/);
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
