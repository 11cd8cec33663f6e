// The page of a sequence that is cut over Web Workers.
import assert from 'node:assert';
import { assertAccessible, assertNarrow } from './axe.js';
import { buildDemo } from './demo_page.js';
import { isolation } from './driver.js';
import { inEachBrowser, visit } from './visit.js';

inEachBrowser('segments', (test, browser) => {
  test('every number of Workers comes to what one pass is, one of them ended in the middle, for every reader', async () => {
    await visit(await browser(), await buildDemo(), '/segments.html', { headers: isolation }, async ({ page, watched }) => {
      await page.select('[name=tokens]', '16384');
      await page.select('[name=parts]', '8');
      await page.select('[name=rule]', 'gatedDelta');
      await page.$eval('[name=kill]', (box) => box.click());
      await page.$eval('form button', (button) => button.click());
      await page.waitForFunction(() => ['done', 'error'].includes(document.getElementById('segments').dataset.state), { polling: 50 });
      const { state, outcome, rows } = await page.evaluate(() => ({
        state: document.getElementById('segments').dataset.state,
        outcome: document.querySelector('.outcome').textContent,
        rows: [...document.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent)),
      }));
      assert.equal(state, 'done', outcome);
      assert.match(outcome, /^As one pass, within 4·10⁻⁵\. In each run a Worker ended in the middle/);
      assert.deepEqual(rows.slice(0, 2).map(([count]) => count), ['1', '2']);
      for (const [, rate, , , moved, error] of rows) assert.match(`${rate} ${moved} ${error}`, /^[\d,]+ \d+ KiB \d(\.\d)?·10⁻[⁶⁷⁸]$/);
      watched.assertClean();
      await assertAccessible(page);
      await assertNarrow(page);
    });
  });
});
