// Threads in real browsers: on a page's main thread, which may not sleep, in a Worker, and where they cannot be had.
import assert from 'node:assert';
import { root } from '../consumer.js';
import { callAlone } from './alone.js';
import { isolation } from './driver.js';
import { blank, callIn, inEachBrowser, policy, visit, workersCome } from './visit.js';

const isolated = { headers: { ...isolation, ...policy } };
const scenario = 'threads.js';
const reason = /not cross-origin isolated.*Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/;
const warning = /^linear-attention-wasm: 2 threads were asked for, but calls run on 1: .*isolated/;

inEachBrowser('threads', (test, browser) => {
  const open = async (options, body) => visit(await browser(), root, blank, options, body);

  for (const build of ['simd', 'auto']) {
    const options = { build, threads: 2 };
    const check = (told, paths) => {
      assert.equal(told.threads, 2);
      assert.equal(told.threadsReason, null);
      assert.ok(told.threadsStartMs > 0);
      if (build !== 'auto') assert.equal(told.build, build);
      assert.ok(paths.includes(`/web/dist/${told.build}-threads.wasm`), `${paths}`);
    };
    for (const inWorker of [false, true]) {
      test(`${build}: two threads compute what one does, ${inWorker ? 'in a Worker' : 'on the main thread'}`, async () => {
        if (inWorker && (await browser()).name === 'firefox') {
          const { results, paths } = await callAlone(root, isolated.headers, scenario, 'compareThreads', options);
          return check(results, paths);
        }
        await open(isolated, async ({ page, watched, paths }) => {
          check(await callIn(page, scenario, 'compareThreads', options, { inWorker }), paths);
          watched.assertClean();
        });
      });
    }
  }

  test('dispose ends the workers, twice does no harm, and use afterwards is refused', () =>
    open(isolated, async ({ page, watched }) => {
      assert.equal((await callIn(page, scenario, 'keep', { threads: 3 })).threads, 3);
      await workersCome(page, 2);
      const error = await callIn(page, scenario, 'disposeKept');
      assert.equal(error?.name, 'AttentionError');
      assert.equal(error.code, 'disposed');
      assert.match(error.message, /was disposed/);
      await workersCome(page, 0);
      watched.assertClean();
    }));

  test('a worker takes its share, and one that traps fails the call and the instance', () =>
    open(isolated, async ({ page }) => {
      let byWorker = false;
      // Which thread takes the broken half is a race, which the caller seldom wins.
      for (let i = 0; i < 10 && !byWorker; i++) {
        const [first, second] = await callIn(page, 'trap.js', 'trap');
        assert.deepEqual([first?.code, second?.code], ['thread-failed', 'thread-failed']);
        assert.match(first.message, /la_softmax/);
        ({ byWorker } = first);
      }
      assert.ok(byWorker, 'in ten calls no worker took a share');
      await workersCome(page, 0);
    }));

  for (const inWorker of [false, true]) {
    test(`without isolation one thread computes, ${inWorker ? 'in a Worker' : 'on the main thread'}`, () =>
      open({ headers: policy }, async ({ page, watched, paths }) => {
        const told = await callIn(page, scenario, 'compareThreads', { build: 'simd', threads: 2 }, { inWorker });
        assert.equal(told.threads, 1);
        assert.equal(told.threadsStartMs, 0);
        assert.match(told.threadsReason, reason);
        assert.deepEqual(paths.filter((path) => /-threads\.wasm$|\/thread\.js$/.test(path)), []);
        watched.assertClean();
      }));
  }

  for (const [obstacle, options] of [
    ['is not there', { ...isolated, missing: /\/web\/dist\/thread\.js$/ }],
    ['the policy forbids', { headers: { ...isolation, 'Content-Security-Policy': "worker-src 'none'" } }],
  ]) {
    test(`workers whose script ${obstacle}: one thread computes, and the console says why`, () =>
      open(options, async ({ page, watched }) => {
        const told = await callIn(page, scenario, 'compareThreads', { build: 'simd', threads: 2 });
        assert.equal(told.threads, 1);
        assert.match(told.threadsReason, /^the workers could not be started: .*\/web\/dist\/thread\.js .*worker-src/);
        assert.equal(watched.warnings.length, 1, watched.warnings.join('\n'));
        assert.ok(watched.warnings[0].includes(told.threadsReason));
      }));
  }

  test('without isolation the console warns once', () =>
    open({ headers: policy }, async ({ page, watched }) => {
      const told = await callIn(page, scenario, 'askTwice', { threads: 2 });
      assert.deepEqual(told.map(({ threads }) => threads), [1, 1]);
      assert.equal(watched.warnings.length, 1, watched.warnings.join('\n'));
      assert.match(watched.warnings[0], warning);
      watched.assertClean();
    }));
});
