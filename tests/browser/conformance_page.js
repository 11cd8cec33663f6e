// The page of the library's tests, as the demo's build has it, read as a visitor reads it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reportAlone } from './alone.js';
import { buildDemo } from './demo_page.js';
import { isolation, serve, watch } from './driver.js';

/** Milliseconds that all of its tests may take. */
const PATIENCE = 600_000;

/** What the page shows: its sentence, the texts and classes of the cells by row and build, and what stands around the table. */
function readPage(document) {
  const main = document.getElementById('conformance');
  const texts = (selector) => [...main.querySelectorAll(selector)].map((element) => element.textContent);
  const cells = (row) => [...row.cells].slice(1).map((cell) => ({ build: cell.dataset.build, kind: cell.className, text: cell.textContent.trim(), colour: getComputedStyle(cell).backgroundColor }));
  return {
    state: main.dataset.state,
    outcome: main.querySelector('.outcome').textContent,
    rows: Object.fromEntries([...main.querySelectorAll('.results tbody tr')].map((row) => [row.dataset.title, { isFailed: row.classList.contains('failed'), cells: cells(row) }])),
    times: texts('.results tfoot td'),
    failures: texts('.failures li'),
    obstacles: texts('.obstacles li'),
    data: [...main.querySelectorAll('.data tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent)),
    measured: main.querySelector('.measured').textContent,
  };
}

/** Waits until its tests are done, and returns what it shows then. */
export async function readConformance(page) {
  await page.waitForFunction(() => ['done', 'error'].includes(document.getElementById('conformance').dataset.state), { timeout: PATIENCE, polling: 200 });
  return page.evaluate(`(${readPage})(document)`);
}

/**
 * Opens the page with `query` in its address, and returns what `body` does with it once it is there.
 * @param {{ newPage(): Promise<import('puppeteer-core').Page> }} browser
 * @param {string} query which groups and builds: groups=softmax,linear&builds=simd
 * @param {{ folder?: string, headers?: Record<string, string>, missing?: RegExp }} options the demo's build and how it is served
 */
export async function visitConformance(browser, query, { folder, headers = isolation, missing }, body) {
  const server = await serve(folder ?? (await buildDemo()), { headers, missing });
  try {
    const page = await browser.newPage();
    const watched = watch(page);
    await page.goto(`${server.url}/conformance.html?${query}`);
    const result = await body({ page, watched, paths: server.requests });
    await page.close();
    return result;
  } finally {
    await server.close();
  }
}

/** A page around it that posts what it shows, once its tests are done. */
const reporter = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>report</title><iframe></iframe><script>
${readPage}
const frame = document.querySelector('iframe');
frame.src = './conformance.html' + location.search;
frame.onload = () => setInterval(() => {
  const shown = readPage(frame.contentDocument);
  if (shown.state !== 'running') fetch('./', { method: 'POST', body: JSON.stringify(shown) });
}, 200);
</script></html>
`;

async function readAlone(query) {
  const folder = await buildDemo();
  await writeFile(join(folder, 'report.html'), reporter);
  return (await reportAlone(folder, isolation, `/report.html?${query}`, PATIENCE)).report;
}

/** What it shows in a browser, threads and all: a remotely controlled Firefox does not bear them. */
export async function showConformance(browser, query) {
  if (browser.name === 'firefox') return readAlone(query);
  return visitConformance(browser, query, {}, async ({ page, watched }) => {
    const shown = await readConformance(page);
    watched.assertClean();
    return shown;
  });
}
