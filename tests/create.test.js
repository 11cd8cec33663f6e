/** createAttention: what it takes, what it refuses, what it says of itself. */
import assert from 'node:assert';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { suite } from 'uvu';
import { AttentionError, createAttention, version } from '../web/index.js';
import { createAttention as createInline } from '../web/inline.js';
import { createAttention as createRemote } from '../web/worker.js';
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
  await rejects({ wasm: new URL('./no-such-file.wasm', place) }, AttentionError, /^load-failed$/, /no-such-file\.wasm.*serverExternalPackages.*external.*noExternal/);
  await rejects({ wasm: place.href.replace('simd.wasm', 'comlink.js') }, AttentionError, /^load-failed$/, /comlink\.js could not be loaded/);
});

/** While `body` runs, fetch gives what `answer` does; returns the URLs that were fetched. */
async function fetching(answer, body) {
  const { fetch } = globalThis;
  const fetched = [];
  globalThis.fetch = async (url) => {
    fetched.push(String(url));
    return answer();
  };
  try {
    await body();
  } finally {
    globalThis.fetch = fetch;
  }
  return fetched;
}

test('a module is fetched and compiled once, and again where that failed', async () => {
  const wasm = 'https://example.test/once.wasm';
  const { compile } = WebAssembly;
  let [failures, compilations] = [1, 0];
  const answer = () => {
    if (failures-- > 0) throw new TypeError('Failed to fetch');
    return new Response(bytes);
  };
  WebAssembly.compile = (...given) => {
    compilations++;
    return compile(...given);
  };
  try {
    const fetched = await fetching(answer, async () => {
      await rejects({ wasm }, AttentionError, /^load-failed$/, /https:\/\/example\.test\/once\.wasm could not be loaded: Failed to fetch/);
      const attentions = await Promise.all([wasm, wasm, new URL(wasm)].map((source) => createAttention({ wasm: source })));
      for (const attention of [...attentions, await createAttention({ wasm })]) attention.dispose();
    });
    assert.deepEqual([fetched.length, compilations], [2, 1]);
  } finally {
    WebAssembly.compile = compile;
  }
});

/** While `body` runs, `holder[name]` is `value`. */
async function replacing(holder, name, value, body) {
  const own = holder[name];
  holder[name] = value;
  try {
    await body();
  } finally {
    holder[name] = own;
  }
}

test('what forbids code or fetching is named, with what can be done', async () => {
  const refusing = (message) => async () => {
    throw new WebAssembly.CompileError(message);
  };
  for (const [message, remedy] of [
    ['Wasm code generation disallowed by embedder', /import the \.wasm file, and pass the module that it gives as \{ wasm \}/],
    ["Refused to compile: 'unsafe-eval' is not an allowed source of script in the Content Security Policy", /must have 'wasm-unsafe-eval' in script-src/],
  ]) {
    await replacing(WebAssembly, 'compile', refusing(message), () => rejects({ wasm: bytes }, AttentionError, /^load-failed$/, remedy));
  }
  const unreachable = () => {
    throw new TypeError('Failed to fetch');
  };
  await fetching(unreachable, () => rejects({ wasm: 'https://example.test/far.wasm' }, AttentionError, /^load-failed$/, /far\.wasm.*connect-src.*CORS/));
});

test('in a worklet, which has no URL and no atob, the main entry says what to do and the inline entry runs', async () => {
  await replacing(globalThis, 'URL', undefined, () => rejects({}, AttentionError, /^load-failed$/, /worklets can fetch nothing\. Pass it as \{ wasm \}.*inline/));
  await replacing(globalThis, 'URL', undefined, () =>
    replacing(globalThis, 'atob', undefined, async () => {
      for (const attention of [await createInline(), await createAttention({ wasm: await WebAssembly.compile(bytes) })]) attention.dispose();
    }),
  );
});

test('Vite is named where it is Vite', async () => {
  const page = () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } });
  await fetching(page, () => rejects({ wasm: 'http://localhost/node_modules/.vite/deps/dist/simd.wasm' }, AttentionError, /^load-failed$/, /\.vite\/deps\/dist\/simd\.wasm answered with a page\. Vite 7.*optimizeDeps/));
});

test('a bundle that does not know where it lies says so', async () => {
  const options = { bundle: true, write: false, format: 'cjs', platform: 'node', logLevel: 'silent', stdin: { contents: "export * from './index.js'; export * as worker from './worker.js'; export * as inline from './inline.js';", resolveDir: fileURLToPath(new URL('../web', import.meta.url)) } };
  const [{ text }] = (await build(options)).outputFiles;
  const file = join(mkdtempSync(join(tmpdir(), 'linear-attention-wasm-')), 'bundle.cjs');
  await writeFile(file, text);
  try {
    const { createAttention: bundled, worker, inline } = createRequire(import.meta.url)(file);
    await assert.rejects(() => bundled(), { code: 'load-failed', message: /no import\.meta\.url.*\{ wasm \}.*inline/ });
    await assert.rejects(() => worker.createAttention(), { code: 'thread-failed', message: /no import\.meta\.url/ });
    for (const attention of [await bundled({ wasm: bytes }), await inline.createAttention()]) attention.dispose();
  } finally {
    await rm(dirname(file), { recursive: true });
  }
});

test('without Workers the Worker entry says what runs', async () => {
  const { getBuiltinModule } = process;
  const { Worker: ofTheEngine } = globalThis; // Bun and Deno have both
  process.getBuiltinModule = undefined;
  globalThis.Worker = undefined;
  try {
    await assert.rejects(() => createRemote(), { code: 'unsupported', message: /has no Workers: linear-attention-wasm itself/ });
  } finally {
    process.getBuiltinModule = getBuiltinModule;
    if (ofTheEngine) globalThis.Worker = ofTheEngine;
    else delete globalThis.Worker;
  }
});

test('refuses another module', async () => {
  const empty = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  await rejects({ wasm: empty }, AttentionError, /^load-failed$/);
  await rejects({ wasm: await WebAssembly.compile(empty) }, AttentionError, /^load-failed$/);
  await fetching(() => new Response(empty), () => rejects({ wasm: 'https://example.test/empty.wasm' }, AttentionError, /^load-failed$/, /from https:\/\/example\.test\/empty\.wasm is not one of/));
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
