// Pages in a Firefox that nobody controls remotely: under such control a Worker that opens a Worker stands
// still in about 2 of 100 tries, in any page, and stands still for ever.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser, createProfile } from '@puppeteer/browsers';
import { findBrowser, PATIENCE, serve } from './driver.js';
import { succeeded } from './visit.js';

const page = '/tests/browser/pages/report.html';

/**
 * What a page posts, opened in a browser of its own that ends with it.
 * @param {string} folder served, with `headers`
 * @param {Record<string, string>} headers
 * @param {string} path the page's, with its query
 * @param {number} patience milliseconds until it must have posted
 * @returns {Promise<{ report: any, paths: string[] }>} what it posted as JSON, and the paths that were asked for
 */
export async function reportAlone(folder, headers, path, patience) {
  let post;
  const posted = new Promise((resolve) => (post = resolve));
  const server = await serve(folder, { headers, onPost: (body) => post(JSON.parse(body)) });
  const profile = await mkdtemp(join(tmpdir(), 'attention-firefox-'));
  await createProfile(Browser.FIREFOX, { path: profile, preferences: {} });
  const firefox = spawn(findBrowser('firefox'), ['--headless', '--no-remote', '--profile', profile, server.url + path], { stdio: 'ignore' });
  const ended = once(firefox, 'exit');
  const stop = new AbortController();
  try {
    const report = await Promise.race([
      posted,
      ended.then(([code]) => Promise.reject(new Error(`Firefox ended with code ${code} before ${path} had posted`))),
      sleep(patience, undefined, { signal: stop.signal }).then(() => Promise.reject(new Error(`${path} has not posted for ${patience} ms`))),
    ]);
    return { report, paths: server.requests };
  } finally {
    stop.abort();
    firefox.kill();
    await ended.catch(() => undefined);
    await server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Does what `callIn` does in a Worker, alone; with the paths that were asked for. */
export async function callAlone(folder, headers, file, name, options) {
  const query = encodeURIComponent(JSON.stringify({ file, name, options }));
  const { report, paths } = await reportAlone(folder, headers, `${page}?${query}`, PATIENCE);
  return { results: succeeded(name, report), paths };
}
