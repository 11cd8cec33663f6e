// Threads and the worker entry in an app that has the packed library installed and that Vite serves or builds.
import assert from 'node:assert';
import { viteApp, viteDev } from '../consumer.js';
import { isolation, watch } from './driver.js';
import { inEachBrowser, outcomeOf, policy, visit } from './visit.js';

const app = 'vite-threads';

/** Throws unless both entries computed with so many threads; that their numbers are right the app has asserted. */
function assertThreads(outcome, threads, reason) {
  assert.equal(outcome?.error, undefined, JSON.stringify(outcome?.error));
  for (const [place, told] of Object.entries({ page: outcome.inPage, Worker: outcome.inWorker })) {
    assert.equal(told.threads, threads, place);
    if (reason) assert.match(told.threadsReason, reason, place);
    else assert.equal(told.threadsReason, null, place);
  }
}

inEachBrowser('Vite app with threads', (test, browser) => {
  const open = async (headers, body) => visit(await browser(), (await viteApp(app)).dist, '/', { headers }, body);
  const fetched = (paths, pattern) => paths.filter((path) => pattern.test(path));

  test('built without a warning, served isolated', () =>
    open({ ...isolation, ...policy }, async ({ page, watched, paths }) => {
      assertThreads(await outcomeOf({ page, watched }), 2);
      assert.ok(fetched(paths, /^\/assets\/.*-threads.*\.wasm$/).length > 0, `${paths}`);
      assert.ok(fetched(paths, /^\/assets\/worker-thread.*\.js$/).length > 0, `${paths}`);
      assert.deepEqual((await viteApp(app)).warnings, []);
      watched.assertClean();
    }));

  test('built, served without isolation', () =>
    open(policy, async ({ page, watched, paths }) => {
      assertThreads(await outcomeOf({ page, watched }), 1, /not cross-origin isolated/);
      assert.deepEqual(fetched(paths, /-threads.*\.wasm$/), []);
      watched.assertClean();
    }));

  test('on the development server', async () => {
    const server = await viteDev(app, isolation);
    const page = await (await browser()).newPage();
    try {
      const watched = watch(page);
      await page.goto(server.url);
      assertThreads(await outcomeOf({ page, watched }), 2);
      // Browsers ask for an icon by themselves.
      const others = watched.errors.filter((text) => !/favicon\.ico|Failed to load resource/.test(text));
      assert.deepEqual(others, []);
      assert.deepEqual(watched.foreign(), []);
    } finally {
      await page.close();
      await server.close();
    }
  });
});
