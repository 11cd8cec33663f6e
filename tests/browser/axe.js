// What holds for every page that the project shows, whoever reads it on whatever screen.
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** Throws what axe objects to in a page, in light and in dark, all that can be opened being open. The theme must be the system's. */
export async function assertAccessible(page) {
  await page.evaluate(axe);
  await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
  for (const theme of ['light', 'dark']) {
    await page.$eval('#theme', (button) => button.click());
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme);
    const violations = await page.evaluate(async () =>
      (await globalThis.axe.run()).violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => node.html).join('\n  ')}`),
    );
    assert.deepEqual(violations, [], theme);
  }
}

/** Throws where a page of 360 pixels, as narrow as a phone, would have to be scrolled sideways; leaves it so. */
export async function assertNarrow(page) {
  await page.setViewport({ width: 360, height: 740 });
  // What is drawn to measure is drawn again a little later.
  await page.waitForFunction(() => innerWidth === 360 && document.documentElement.scrollWidth <= innerWidth, { timeout: 10_000, polling: 100 }).catch(() => {});
  const { inside, outside } = await page.evaluate(() => ({ outside: document.documentElement.scrollWidth, inside: innerWidth }));
  assert.ok(outside <= inside, `${outside} pixels wide`);
}
