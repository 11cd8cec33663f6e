// A call in a page of a Firefox that nobody controls remotely: under such control a Worker that opens a Worker stands
// still in about 2 of 100 tries, in any page, and stands still for ever.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser, createProfile } from '@puppeteer/browsers';
import { findBrowser, serve } from './driver.js';
import { PATIENCE, succeeded } from './visit.js';

const page = '/tests/browser/pages/report.html';

/**
 * Does what `callIn` does in a Worker, in a browser of its own that ends with the call.
 * @param {string} folder served, with `headers`
 * @param {Record<string, string>} headers
 * @param {string} file the module's name in pages/
 * @param {string} name the function's
 * @param {object} options its second argument, as JSON
 * @returns {Promise<{ results: any, paths: string[] }>} what the function returned, and the paths that were asked for
 */
export async function callAlone(folder, headers, file, name, options) {
  const path = findBrowser('firefox');
  let report;
  const reported = new Promise((resolve) => (report = resolve));
  const server = await serve(folder, { headers, onPost: (body) => report(JSON.parse(body)) });
  const profile = await mkdtemp(join(tmpdir(), 'attention-firefox-'));
  await createProfile(Browser.FIREFOX, { path: profile, preferences: {} });
  const url = `${server.url}${page}?${encodeURIComponent(JSON.stringify({ file, name, options }))}`;
  const firefox = spawn(path, ['--headless', '--no-remote', '--profile', profile, url], { stdio: 'ignore' });
  const ended = once(firefox, 'exit');
  const stop = new AbortController();
  try {
    const results = await Promise.race([
      reported,
      ended.then(([code]) => Promise.reject(new Error(`Firefox ended with code ${code} before ${name} did`))),
      sleep(PATIENCE, undefined, { signal: stop.signal }).then(() => Promise.reject(new Error(`${name} has not answered for ${PATIENCE} ms`))),
    ]);
    return { results: succeeded(name, results), paths: server.requests };
  } finally {
    stop.abort();
    firefox.kill();
    await ended.catch(() => undefined);
    await server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
