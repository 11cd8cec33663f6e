/** Pages of apps, opened in Chromium, or in Firefox. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isolation, launch, serve, watch } from '../browser/driver.js';

export { isolation };
export const html = (head = '<script type="module" src="./main.js"></script>') => `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>app</title>${head}</html>\n`;

const launched = new Map();

export async function closeBrowsers() {
  for (const browser of launched.values()) await (await browser).close();
}

/** What the page at `url` leaves in its global `outcome`. */
export async function outcomeAt(url, browser = 'chromium') {
  if (!launched.has(browser)) launched.set(browser, launch(browser));
  const page = await (await launched.get(browser)).newPage();
  const watched = watch(page);
  try {
    await page.goto(url);
    for (const end = performance.now() + 20_000; performance.now() < end; await sleep(50)) {
      const asked = page.evaluate(() => globalThis.outcome);
      const outcome = await Promise.race([asked, sleep(15_000).then(() => ({ error: { message: 'the library does not answer' } }))]);
      if (outcome) return outcome.error ? { error: { ...outcome.error, message: [outcome.error.message, ...watched.errors].join('; ') } } : outcome;
    }
    throw new Error(`the page reported nothing: ${watched.errors.join('; ')}`);
  } finally {
    await page.close();
  }
}

/** The same of a folder's page, served isolated. */
export async function outcomeOf(folder, browser) {
  const server = await serve(folder, { headers: isolation });
  try {
    return await outcomeAt(`${server.url}/`, browser);
  } finally {
    await server.close();
  }
}
