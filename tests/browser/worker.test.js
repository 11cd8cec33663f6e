// linear-attention-wasm/worker in real browsers, on pages that can share memory and on pages that cannot.
import assert from 'node:assert';
import { root } from '../consumer.js';
import { assertBelow } from '../util.js';
import { isolation, serve } from './driver.js';
import { blank, callIn, inEachBrowser, policy, visit, workersCome } from './visit.js';

const scenario = 'asynchronous.js';
const pages = [
  { name: 'isolated, two threads', headers: { ...isolation, ...policy }, threads: 2, running: 2 },
  { name: 'isolated, one thread', headers: { ...isolation, ...policy }, threads: 1, running: 1 },
  { name: 'not isolated', headers: policy, threads: 2, running: 1 },
];

/** Each fraction is more than the one before. */
const grows = (fractions) => fractions.every((fraction, i) => fraction > (fractions[i - 1] ?? 0) && fraction < 1);

inEachBrowser('worker entry', (test, browser) => {
  for (const { name, headers, threads, running } of pages) {
    const open = async (body) => visit(await browser(), root, blank, { headers }, body);
    const isolated = 'Cross-Origin-Opener-Policy' in headers;

    test(`${name}: the bits of the main entry`, () =>
      open(async ({ page, watched }) => {
        const { expected, ...told } = await callIn(page, scenario, 'compareEntries', { threads });
        assert.equal(told.build, 'simd');
        assert.equal(told.threads, running);
        assert.deepEqual(told.left, [0, 0, 0], 'what transferred inputs hold');
        if (isolated) assert.equal(told.threadsReason, null);
        else assert.match(told.threadsReason, /not cross-origin isolated/);
        assert.deepEqual({ threads: told.threads, threadsReason: told.threadsReason }, expected);
        watched.assertClean();
      }));

    test(`${name}: the page lives on during a long call, and hears how far it is`, () =>
      open(async ({ page, watched }) => {
        const told = await callIn(page, scenario, 'countTicks', { threads });
        assert.ok(told.finite);
        assert.ok(told.took > 200, `${told.took} ms are too few to tell`);
        assert.ok(told.longest < told.took / 3, `the page stood still for ${told.longest} of ${told.took} ms`);
        assert.ok(told.ticks > 10 && told.frames > 5, `${told.ticks} ticks and ${told.frames} frames`);
        assert.ok(told.fractions.length > 2 && grows(told.fractions), `${told.fractions}`);
        watched.assertClean();
      }));

    test(`${name}: calls that wait are cancelled, and those around them are not`, () =>
      open(async ({ page, watched }) => {
        const { errors, finite } = await callIn(page, scenario, 'abortWaiting', { threads });
        assert.deepEqual(errors.map((error) => error?.name), ['AbortError', 'AbortError', 'AbortError']);
        assert.ok(finite);
        watched.assertClean();
      }));

    test(`${name}: a signal of a frame cancels as one of the page`, () =>
      open(async ({ page, watched }) => {
        assert.deepEqual(await callIn(page, scenario, 'abortByFrame', { threads }), { isForeign: true, name: 'AbortError' });
        watched.assertClean();
      }));

    test(`${name}: dispose ends the Worker, and what comes after is refused`, () =>
      open(async ({ page, watched }) => {
        assert.equal((await callIn(page, scenario, 'keep', { threads })).threads, running);
        await workersCome(page, running); // the instance's own, and its threads but one
        const errors = await callIn(page, scenario, 'disposeKept');
        for (const error of errors) assert.deepEqual([error?.name, error?.code], ['AttentionError', 'disposed']);
        assert.equal(errors.length, 2);
        await workersCome(page, 0);
        watched.assertClean();
      }));

    test(`${name}: every method is cancelled at once`, () =>
      open(async ({ page, watched }) => {
        await assertBelow(200, async () => {
          const told = await callIn(page, scenario, 'abortEach', { threads });
          assert.equal(Object.keys(told).length, 5);
          for (const [method, { name: error }] of Object.entries(told)) assert.equal(error, 'AbortError', method);
          return Math.max(...Object.values(told).map(({ late }) => late));
        });
        watched.assertClean();
      }));

    // Without shared memory a call under way does not hear of it, and goes on for nobody.
    if (!isolated) continue;
    test(`${name}: a call under way is cancelled, and its state stays as it was`, () =>
      open(async ({ page, watched }) => {
        const { errors, fractions, length } = await callIn(page, scenario, 'abortUnderWay', { threads });
        assert.equal(errors.softmax?.name, 'AbortError');
        assert.equal(errors.linear?.name, 'AbortError');
        assert.equal(errors.timeout?.name, 'TimeoutError');
        for (const [kind, told] of Object.entries(fractions)) assert.ok(told.at(-1) < 0.7, `${kind} went on to ${told}`);
        assert.equal(length, 64);
        watched.assertClean();
      }));
  }

  for (const headers of [isolation, {}]) {
    const isolated = 'Cross-Origin-Opener-Policy' in headers;
    test(`served from another origin, ${isolated ? 'threads too' : 'not isolated'}`, async () => {
      const elsewhere = await serve(root, { headers: { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' } });
      try {
        const allowed = `default-src 'self'; script-src 'self' 'wasm-unsafe-eval' ${elsewhere.url}; connect-src ${elsewhere.url}; worker-src blob: ${elsewhere.url}`;
        await visit(await browser(), root, blank, { headers: { ...headers, 'Content-Security-Policy': allowed } }, async ({ page, watched, paths }) => {
          const told = await callIn(page, scenario, 'compareFromElsewhere', { origin: elsewhere.url, threads: 2 });
          assert.equal(told.threads, isolated ? 2 : 1);
          assert.deepEqual(told.expected, { threads: told.threads, threadsReason: told.threadsReason });
          assert.ok(elsewhere.requests.includes('/web/dist/worker-thread.js'), `${elsewhere.requests}`);
          assert.ok(!paths.includes('/web/dist/worker-thread.js'), `${paths}`);
          watched.assertClean();
        });
      } finally {
        await elsewhere.close();
      }
    });
  }

  for (const [obstacle, options] of [
    ['is not there', { headers: policy, missing: /\/web\/dist\/worker-thread\.js$/ }],
    ['the policy forbids', { headers: { 'Content-Security-Policy': "worker-src 'none'" } }],
  ]) {
    test(`a Worker whose script ${obstacle} is told of`, async () =>
      visit(await browser(), root, blank, options, async ({ page }) => {
        const failed = /"name":"AttentionError","code":"thread-failed","message":"[^"]*worker-thread\.js[^"]*Content-Security-Policy[^"]*worker-src/;
        await assert.rejects(callIn(page, scenario, 'keep', {}), failed);
      }));
  }

  test('errors keep their kind on their way from the Worker', async () =>
    visit(await browser(), root, blank, { headers: policy }, async ({ page, watched }) => {
      const told = await callIn(page, scenario, 'provoke', {});
      assert.deepEqual(told.map(({ kind }) => kind), ['RangeError', 'TypeError', 'TypeError', 'AttentionError']);
      assert.match(told[0].message, /^scale must .*NaN/);
      assert.match(told[1].message, /unknown option/);
      assert.match(told[2].message, /^signal must /);
      assert.equal(told[3].code, 'out-of-memory');
      watched.assertClean();
    }));
});
