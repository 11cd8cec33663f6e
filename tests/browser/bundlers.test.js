// The entries in an app that has the packed library installed: built by Vite, webpack or esbuild, served by Vite, or as it is.
import assert from 'node:assert';
import { basename } from 'node:path';
import { consumer, esbuildApp, importMapApp, viteApp, viteDev, webpackApp } from '../consumer.js';
import { assertOutcome, columns } from '../packages/program.js';
import { isolation, watch } from './driver.js';
import { inEachBrowser, outcomeOf, policy, visit } from './visit.js';

const app = 'threads';

/** Throws unless both entries computed with so many threads; that their numbers are right the app has asserted. */
function assertThreads(outcome, threads, reason) {
  assert.equal(outcome?.error, undefined, JSON.stringify(outcome?.error));
  for (const [place, told] of Object.entries({ page: outcome.inPage, Worker: outcome.inWorker })) {
    assert.equal(told.threads, threads, place);
    if (reason) assert.match(told.threadsReason, reason, place);
    else assert.equal(told.threadsReason, null, place);
  }
  assert.deepEqual(outcome.failure, { code: 'corrupt-state', isOurs: true });
}

inEachBrowser('app with threads', (test, browser) => {
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

  test('built by webpack, served isolated', async () => {
    const { dist, warnings } = await webpackApp(app);
    await visit(await browser(), dist, '/', { headers: { ...isolation, ...policy } }, async ({ page, watched }) => {
      assertThreads(await outcomeOf({ page, watched }), 2);
      watched.assertClean();
    });
    assert.deepEqual(warnings, []);
  });

  for (const column of Object.keys(columns)) {
    test(`without a plugin, ${column}: by esbuild with dist beside the bundle, and by an import map`, async () => {
      for (const folder of [await esbuildApp(column), await importMapApp(column)]) {
        await visit(await browser(), await consumer(), `/${basename(folder)}/`, { headers: isolation }, async ({ page, watched }) => {
          await page.waitForFunction(() => globalThis.outcome);
          assertOutcome(column, await page.evaluate(() => globalThis.outcome));
          watched.assertClean();
        });
      }
    });
  }

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
