// The page on which a visitor's browser runs the library's tests.
import assert from 'node:assert';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portable } from '../suites/portable.js';
import { assertBelow } from '../util.js';
import { assertAccessible, assertNarrow } from './axe.js';
import { readConformance, showConformance, visitConformance } from './conformance_page.js';
import { buildDemo } from './demo_page.js';
import { inEachBrowser } from './visit.js';

const quick = 'groups=packed,presets,onnx,bits';
const allBuilds = ['scalar', 'simd', 'simd-threads', 'relaxed', 'relaxed-threads'];

/** The demo's build with every 5000th of the vectors of other libraries changed. */
async function withWrongVectors() {
  const folder = await mkdtemp(join(tmpdir(), 'wrong-'));
  await cp(await buildDemo(), folder, { recursive: true });
  const [name] = (await readdir(join(folder, 'assets'))).filter((one) => /^golden-.*\.bin$/.test(one));
  const bytes = await readFile(join(folder, 'assets', name));
  for (let i = 2; i < bytes.length; i += 4 * 5000) bytes[i] ^= 0x40;
  await writeFile(join(folder, 'assets', name), bytes);
  return folder;
}

const kindsOf = (row) => row.cells.map(({ kind }) => kind);

/** The scripts and styles that a page of the build asks for. */
const assetsOf = async (page) => [...(await readFile(join(await buildDemo(), page), 'utf8')).matchAll(/"\.\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, path]) => path);

inEachBrowser('conformance', (test, browser) => {
  const open = async (query, options, body) => visitConformance(await browser(), query, options, body);

  test('every build that runs here passes, and the page says on what', async () => {
    const shown = await showConformance(await browser(), quick);
    assert.equal(shown.state, 'done', shown.outcome);
    assert.deepEqual(shown.failures, []);
    assert.deepEqual(Object.keys(shown.rows), ['packed', 'presets', 'onnx', 'bits']);
    const builds = shown.rows.packed.cells.map(({ build }) => build);
    assert.deepEqual(builds.filter((build) => !build.startsWith('relaxed')), ['scalar', 'simd', 'simd-threads']);
    assert.equal(shown.obstacles.length === 0, builds.length === allBuilds.length, `${shown.obstacles}`);
    for (const title of ['packed', 'presets', 'onnx']) for (const { build, kind, text } of shown.rows[title].cells) assert.match(`${kind} ${text}`, /^passed ✓ [1-9]\d*/, `${title} ${build}`);
    assert.match(shown.rows.presets.cells[1].text, / (< 1|[1-9]\d?) %$/);
    assert.match(shown.rows.bits.cells[1].text, /^✓ [1-9]\d+$/);
    assert.equal(shown.times.length, builds.length);
    for (const time of shown.times) assert.match(time, /^[\d.,]+ m?s$/);
    const tests = shown.data.reduce((sum, row) => sum + Number(row[2]), 0);
    assert.equal(shown.outcome, `All ${tests.toLocaleString('en')} tests passed`);
    assert.match(shown.measured, /^(Chrome|Firefox) \d+ on .+ with \d+ logical processors?, \d{4}-\d\d-\d\d/);
  });

  test('a wrong number fails its row, for everyone to see', async () => {
    const folder = await withWrongVectors();
    try {
      await open('groups=presets,packed&builds=scalar,simd', { folder }, async ({ page }) => {
        const { outcome, rows, failures } = await readConformance(page);
        assert.match(outcome, /^[1-9]\d* of \d+ tests failed$/);
        assert.ok(rows.presets.isFailed && !rows.packed.isFailed);
        assert.deepEqual(kindsOf(rows.presets), ['failed', 'failed']);
        assert.deepEqual(kindsOf(rows.packed), ['passed', 'passed']);
        for (const { text } of rows.presets.cells) assert.match(text, /^✗ [1-9]\d* of \d+ [\d,.]+ ×$/);
        assert.notEqual(rows.presets.cells[0].colour, rows.packed.cells[0].colour);
        assert.match(failures[0], /^published models: golden .*\(scalar; simd\).*relative L2 error .* > 5\.00e-5/);
        assert.match(await page.title(), /failed/);
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('a build that is not there fails, and the others do not', () =>
    open('groups=packed&builds=scalar,simd', { missing: /scalar-.*\.wasm$/ }, async ({ page }) => {
      const { rows, failures } = await readConformance(page);
      assert.deepEqual(kindsOf(rows.packed), ['failed', 'passed']);
      assert.match(failures[0], /the instance is made \(scalar\).*404/);
    }));

  test('without shared memory the builds with threads are named, with the reason', () =>
    open('groups=packed&builds=simd,simd-threads', { headers: {} }, async ({ page, watched }) => {
      const { outcome, rows, obstacles } = await readConformance(page);
      assert.match(outcome, /^All \d+ tests passed$/);
      assert.deepEqual(rows.packed.cells.map(({ build }) => build), ['simd']);
      assert.match(obstacles.join(), /^Not run: simd, 2 threads, because .*cross-origin isolated/);
      watched.assertClean();
    }));

  test('it answers while it runs, stops at a key, and runs again', () =>
    open('builds=simd', {}, async ({ page }) => {
      await page.waitForFunction(() => document.querySelectorAll('td.passed').length >= 2, { polling: 50 });
      const longestGap = async () => {
        let [last, gap] = [performance.now(), 0];
        for (const end = last + 1500; last < end; ) {
          const now = await new Promise(requestAnimationFrame);
          gap = Math.max(gap, now - last);
          last = now;
        }
        return gap;
      };
      await assertBelow(250, () => page.evaluate(longestGap), 'ms without a frame');
      await page.focus('.stop');
      await page.keyboard.press('Enter');
      assert.match(await page.$eval('.outcome', (element) => element.textContent), /^Stopped after \d+ tests, all passed$/);
      assert.equal(await page.$$eval('td.running', (list) => list.length), 0);
      await page.focus('.again');
      await page.keyboard.press('Enter');
      assert.equal(await page.$eval('main', (main) => main.dataset.state), 'running');
      await page.waitForFunction(() => document.querySelectorAll('td.passed').length >= 1, { polling: 50 });
    }));

  test('axe finds nothing to object to, and nothing overflows at 360 pixels, passed or failed', () =>
    open('groups=packed,presets&builds=scalar,simd,relaxed', { missing: /scalar-.*\.wasm$/ }, async ({ page }) => {
      await readConformance(page);
      await assertAccessible(page);
      await assertNarrow(page);
    }));

  test('the demo is one script and one style, and shares neither with this page', async () => {
    const [demo, here] = [await assetsOf('index.html'), await assetsOf('conformance.html')];
    assert.deepEqual([demo.length, here.length], [2, 2]);
    assert.deepEqual(demo.filter((path) => here.includes(path)), []);
  });

  test('every suite that any engine runs is on the page, and what is not asked for is not run', () =>
    open('builds=none', {}, async ({ page }) => {
      const { rows, outcome } = await readConformance(page);
      assert.deepEqual(Object.keys(rows), [...Object.keys(portable), 'bits']);
      assert.equal(outcome, 'No test of that name');
    }));
});
