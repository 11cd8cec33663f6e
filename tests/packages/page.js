/** Pages of apps, opened in Chromium. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isolation, launch, serve, watch } from '../browser/driver.js';

export { isolation };
export const html = (head = '<script type="module" src="./main.js"></script>') => `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>app</title>${head}</html>\n`;

let launched;
export const closeBrowser = async () => (await launched)?.close();

/** What the page at `url` leaves in its global `outcome`. */
export async function outcomeAt(url) {
  launched ??= launch('chromium');
  const page = await (await launched).newPage();
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
export async function outcomeOf(folder, path = '/', headers = isolation) {
  const server = await serve(folder, { headers });
  try {
    return await outcomeAt(server.url + path);
  } finally {
    await server.close();
  }
}
