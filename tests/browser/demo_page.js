// The demo page, built for a static host and open in a real browser, for suites of tests.
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import { createBuilder } from 'vite';
import { isolation, launch, serve, watch } from './driver.js';

const config = fileURLToPath(new URL('../../demo/vite.config.js', import.meta.url));
const SMALL = 'gap.length=256&gap.imageLength=256&gap.seeds=1&gap.heads=1&features.length=256&time.length=16384&time.budget=2000&stream.length=1024&stream.heads=1&memory.memories=sum,softmax&memory.dim=16';

let folder; // built once, by whichever suite comes first

/** The folder of the demo as it is built for a static host. */
export async function buildDemo() {
  if (folder) return folder;
  folder = await mkdtemp(join(tmpdir(), 'demo-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const builder = await createBuilder({ configFile: config, logLevel: 'error', build: { outDir: folder, emptyOutDir: true } });
  await builder.buildApp();
  return folder;
}

export const inFigure = (figure, selector) => `#figure-${figure} ${selector}`;

/**
 * A suite whose tests share one page: `demo.page`, from the start at its smallest measurements, and `demo.watched`,
 * which knows what the page reported.
 */
export function demoSuite(title, name) {
  const test = suite(`${title} in ${name}`);
  let browser;
  let server;
  const demo = {
    page: null,
    watched: null,
    /** Goes to the page with `settings` in its address, before those of the smallest measurements, from `url` instead of its own server where one is given. */
    async open(settings = '', url = server.url) {
      await demo.page.goto(`${url}/?${settings}&${SMALL}`);
      await demo.until(() => document.documentElement.dataset.ready === 'yes');
    },
    /** The same build from a server that lacks the files of a pattern. */
    without: (missing) => serve(folder, { headers: isolation, missing }),
    data: (selector) => demo.page.$eval(selector, (element) => ({ ...element.dataset })),
    text: (selector) => demo.page.$eval(selector, (element) => element.textContent),
    rows: (figure) => demo.page.$$eval(inFigure(figure, '.foot tbody tr'), (list) => list.length),
    until: (condition, ...args) => demo.page.waitForFunction(condition, { polling: 50 }, ...args),
    /** Waits until a figure is in one of these states. */
    phase: (figure, ...wanted) => demo.until((id, states) => states.includes(document.getElementById(id).dataset.state), `figure-${figure}`, wanted),
    /** Acts, and waits until the run that this starts in a figure is done, however short it is. */
    async rerun(figure, act) {
      const { runs = '0' } = await demo.data(`#figure-${figure}`);
      await act();
      await demo.until((id, before) => {
        const { runs = '0', state } = document.getElementById(id).dataset;
        return Number(runs) > Number(before) && state === 'done';
      }, `figure-${figure}`, runs);
    },
    click: (selector) => demo.page.$eval(selector, (element) => element.click()),
  };

  test.before(async () => {
    await buildDemo();
    server = await serve(folder, { headers: isolation });
    browser = await launch(name);
    demo.page = await browser.newPage();
    demo.watched = watch(demo.page);
    await demo.page.setViewport({ width: 1280, height: 900 });
    await demo.open();
  });
  test.after(async () => {
    await browser?.close();
    await server?.close();
  });
  return { test, demo };
}
