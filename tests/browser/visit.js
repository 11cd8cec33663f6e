// What browser tests share: a suite in each browser, pages of a served folder, and calls inside them.
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import { browsers, launch, PATIENCE, serve, watch } from './driver.js';

/** The strictest policy that the library runs under. */
export const policy = { 'Content-Security-Policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" };

/** A page that does nothing by itself. */
export const blank = '/tests/browser/pages/blank.html';

/** Runs a suite in each browser; `define` gets it and a function that starts the browser once. */
export function inEachBrowser(title, define) {
  for (const name of browsers) {
    const test = suite(`${title} in ${name}`);
    let launched;
    const browser = () => (launched ??= launch(name)); // in the tests: uvu drops errors of a set-up hook
    test.after(async () => (await launched?.catch(() => undefined))?.close());
    define(test, browser);
    test.run();
  }
}

/**
 * Opens a path of a served folder and returns what `body` does with the page, which is closed afterwards.
 * @param {{ newPage(): Promise<import('puppeteer-core').Page> }} browser
 * @param {string} folder
 * @param {string} path
 * @param {Parameters<typeof serve>[1]} options
 * @param {(visited: { page: import('puppeteer-core').Page, watched: ReturnType<typeof watch>, paths: string[] }) =>
 *   Promise<any>} body
 */
export async function visit(browser, folder, path, options, body) {
  const server = await serve(folder, options);
  try {
    const page = await browser.newPage();
    try {
      const watched = watch(page);
      await page.goto(server.url + path);
      return await body({ page, watched, paths: server.requests });
    } finally {
      await page.close();
    }
  } finally {
    await server.close();
  }
}

/** What the promise that a page left on its window, `outcome`, came to. */
export async function outcomeOf({ page, watched }) {
  const started = await page.evaluate(() => window.outcome !== undefined);
  if (!started) throw new Error(`${page.url()} did not start:\n${watched.errors.join('\n')}`);
  return page.evaluate(() => window.outcome);
}

/**
 * Calls a function of pages/ in a page, or in a Worker of the page, and returns what it returned; throws what it threw.
 * @param {import('puppeteer-core').Page} page
 * @param {string} file the module's name in pages/
 * @param {string} name the function's
 * @param {object} [options] its second argument, as JSON; the first is the entries of the library
 * @param {{ inWorker?: boolean }} [place]
 */
export async function callIn(page, file, name, options = {}, { inWorker = false } = {}) {
  const answer = page.evaluate(
    async (where, request) => (await import('/tests/browser/pages/call.js'))[where](request),
    inWorker ? 'callInWorker' : 'call',
    { file, name, options },
  );
  const answered = new AbortController();
  const patience = sleep(PATIENCE, undefined, { signal: answered.signal }).then(() => silence(page, name));
  const results = await Promise.race([answer, patience]).finally(() => answered.abort());
  return succeeded(name, results);
}

/** What a call of pages/call.js came to; throws what it threw. */
export function succeeded(name, results) {
  if (results?.error) throw new Error(`${name} failed: ${JSON.stringify(results.error)}`);
  return results;
}

/** Throws what a page and its Workers are found doing that has not answered. */
async function silence(page, name) {
  const ask = (one) => Promise.race([one.evaluate(() => 'lives').catch((error) => error.message), sleep(5000, 'is silent')]);
  const told = await Promise.all([page, ...page.workers()].map(async (one) => `${one.url()} ${await ask(one)}`));
  throw new Error(`${name} has not answered for ${PATIENCE} ms: ${told.join(', ')}`);
}

/** Waits until a page has `count` Workers, those of its Workers included, and throws when that does not come. */
export async function workersCome(page, count) {
  for (const end = performance.now() + 10_000; page.workers().length !== count; await sleep(20)) {
    if (performance.now() < end) continue;
    const urls = page.workers().map((worker) => worker.url());
    throw new Error(`the page has ${urls.length} Workers, expected ${count}: ${urls}`);
  }
}
