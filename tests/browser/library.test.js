// The library in real browsers: the same bits as in Node, under a strict policy, with nothing fetched from elsewhere.
import assert from 'node:assert';
import { createAttention } from '../../web/index.js';
import { root, viteApp } from '../consumer.js';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { batch, heads, length, makeInputs, runScenario, valueDim } from './pages/scenario.js';
import { inEachBrowser, outcomeOf, policy, visit } from './visit.js';

const wasmPath = '/web/dist/simd.wasm';

const inNode = runScenario(await createAttention({ build: 'simd' }));

/** The rows of the last token, [batch, heads, valueDim]. */
function lastToken(result) {
  const rows = [];
  for (let n = 0; n < batch * heads; n++) {
    const start = (n * length + length - 1) * valueDim;
    rows.push(...result.data.slice(start, start + valueDim));
  }
  return rows;
}

function expectedResults() {
  const { q, k, v } = makeInputs();
  const linearCausal = oracle.linear(q, k, v, { causal: true }).o;
  return {
    linear: oracle.linear(q, k, v).o,
    linearCausal,
    softmax: oracle.softmax(q, k, v),
    softmaxCausal: oracle.softmax(q, k, v, { causal: true }),
    lastStep: lastToken(linearCausal),
    lastRestoredStep: lastToken(linearCausal),
  };
}

/** Throws unless what a browser computed is exact by the float64 formulas, and Node's to the bit. */
function assertResults(results) {
  assert.equal(results?.error, undefined, `the page failed: ${JSON.stringify(results?.error)}`);
  assert.equal(results.build, inNode.build);
  assert.equal(results.stateLength, length);
  for (const [name, expected] of Object.entries(expectedResults())) {
    const rule = name.startsWith('softmax') ? 'softmax' : 'linear';
    assertClose(results[name], expected, { rule, name });
    assertSame(results[name], inNode[name], `${name}, against Node`);
  }
}

/** What a page's `outcome` came to, with what the page did. */
const open = (browser, folder, path, options) =>
  visit(browser, folder, path, options, async (visited) => ({ results: await outcomeOf(visited), ...visited }));

inEachBrowser('library', (test, browser) => {
  test('runs in a page under a strict Content-Security-Policy', async () => {
    const { results, watched, paths } = await open(await browser(), root, '/tests/browser/pages/library.html', { headers: policy });
    assertResults(results);
    assert.equal(paths.filter((path) => path === wasmPath).length, 1);
    watched.assertClean();
  });

  test('runs in a module Worker', async () => {
    const { results, watched } = await open(await browser(), root, '/tests/browser/pages/worker.html', { headers: policy });
    assertResults(results);
    watched.assertClean();
  });

  test('runs with embedded wasm, fetching none', async () => {
    const { results, watched, paths } = await open(await browser(), root, '/tests/browser/pages/inline.html', { headers: policy });
    assertResults(results);
    assert.deepEqual(paths.filter((path) => path.endsWith('.wasm')), []);
    watched.assertClean();
  });

  test('needs connect-src, and wasm-unsafe-eval, of a Content-Security-Policy; embedded wasm does without connect-src', async () => {
    const under = async (entry, text) => (await open(await browser(), root, `/tests/browser/pages/${entry}.html`, { headers: { 'Content-Security-Policy': text } })).results;
    const scripts = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'";
    assertResults(await under('library', `${scripts}; connect-src 'self'`));
    assertResults(await under('inline', scripts));
    for (const [entry, text, remedy] of [
      ['library', scripts, /simd\.wasm could not be loaded: .*connect-src/],
      ['library', "default-src 'none'; script-src 'self'; connect-src 'self'", /must have 'wasm-unsafe-eval' in script-src/],
      ['inline', "default-src 'none'; script-src 'self'", /must have 'wasm-unsafe-eval' in script-src/],
    ]) {
      const { error } = await under(entry, text);
      assert.equal(error?.code, 'load-failed', entry);
      assert.match(error.message, remedy);
    }
  });

  test('loads wasm that is served with a wrong MIME type', async () => {
    const headers = (path) => (path === wasmPath ? { 'Content-Type': 'application/octet-stream' } : {});
    const { results, watched, paths } = await open(await browser(), root, '/tests/browser/pages/library.html', { headers });
    assertResults(results);
    assert.ok(paths.includes(wasmPath));
    watched.assertClean();
  });

  test('says what failed when the wasm is not there', async () => {
    const missing = /simd\.wasm$/;
    const { results, watched } = await open(await browser(), root, '/tests/browser/pages/library.html', { missing });
    assert.equal(results.error?.name, 'AttentionError');
    assert.equal(results.error.code, 'load-failed');
    assert.match(results.error.message, /404/);
    assert.match(results.error.message, /simd\.wasm/);
    const others = watched.errors.filter((text) => !/404/.test(text));
    assert.deepEqual(others, [], 'errors other than the missing file');
    assert.deepEqual(watched.foreign(), []);
  });

  test('runs in an app that Vite built from the packed library', async () => {
    const { dist } = await viteApp();
    const { results, watched, paths } = await open(await browser(), dist, '/', { headers: policy });
    assertResults(results);
    assert.ok(paths.some((path) => path.endsWith('.wasm')), 'the wasm file is fetched');
    watched.assertClean();
  });
});
