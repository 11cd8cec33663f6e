// Starts a real browser, serves a folder, and watches a page. One API for Chromium and Firefox.
import { createServer } from 'node:http';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import puppeteer from 'puppeteer-core';
import sirv from 'sirv';

/** The browsers that every browser test runs in. */
export const browsers = ['chromium', 'firefox'];

/** Milliseconds to wait for what comes in the end, on a machine that may be busy with much else: less than puppeteer waits for an answer. */
export const PATIENCE = 200_000;

const KNOWN = {
  chromium: {
    variable: 'CHROMIUM_PATH',
    commands: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    options: {
      browser: 'chrome',
      args: [
        '--no-sandbox', // containers have no user namespaces
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  firefox: {
    variable: 'FIREFOX_PATH',
    commands: ['firefox-esr', 'firefox'],
    options: { browser: 'firefox' }, // WebDriver BiDi
  },
};

/** Where the browser is: its environment variable, else the first of its usual names on PATH. */
export function findBrowser(name) {
  const { variable, commands } = KNOWN[name];
  const given = process.env[variable];
  if (given) {
    if (!isExecutable(given)) throw new Error(`${variable} is ${given}, which is not an executable file`);
    return given;
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  for (const command of commands) {
    for (const folder of folders) {
      const path = join(folder, command);
      if (isExecutable(path)) return path;
    }
  }
  throw new Error(`no ${name} found (looked on PATH for ${commands.join(', ')}); install it or set ${variable} to its path`);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * A headless browser with a fresh profile, which puppeteer removes on close and on exit.
 * @param {'chromium' | 'firefox'} name
 * @returns {Promise<{ name: string, version: string, browser: import('puppeteer-core').Browser,
 *   newPage(): Promise<import('puppeteer-core').Page>, close(): Promise<void> }>}
 */
export async function launch(name) {
  const browser = await puppeteer.launch({ ...KNOWN[name].options, executablePath: findBrowser(name), headless: true, timeout: PATIENCE, protocolTimeout: 3 * PATIENCE });
  return {
    name,
    version: await browser.version(),
    browser,
    newPage: async () => {
      const page = await browser.newPage();
      page.setDefaultTimeout(PATIENCE);
      return page;
    },
    close: () => browser.close(),
  };
}

/**
 * Serves a folder on a free port of 127.0.0.1.
 * @param {string} dir
 * @param {object} [options]
 * @param {Record<string, string> | ((pathname: string) => Record<string, string>)} [options.headers]
 *   added to each response, over the defaults (so 'Content-Type' can be made wrong)
 * @param {RegExp} [options.missing] paths answered with 404 although the file exists
 * @param {(body: string) => void} [options.onPost] gets the body of each POST request
 * @returns {Promise<{ url: string, requests: string[], close(): Promise<void> }>} url has no final slash;
 *   requests lists every path asked for
 */
export async function serve(dir, { headers = {}, missing, onPost } = {}) {
  const requests = [];
  const headersOf = typeof headers === 'function' ? headers : () => headers;
  const files = sirv(dir, {
    dev: true, // read the disk at each request, send no-store
    setHeaders(response, pathname) {
      for (const [key, value] of Object.entries(headersOf(pathname))) response.setHeader(key, value);
    },
  });
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    requests.push(pathname);
    const notFound = () => response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found');
    if (request.method === 'POST' && onPost) text(request).then(onPost, () => undefined).then(() => response.writeHead(204).end());
    else if (pathname === '/favicon.ico') response.writeHead(204).end(); // browsers ask by themselves
    else if (missing?.test(pathname)) notFound();
    else files(request, response, notFound);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** What COOP and COEP must say for a page to be cross-origin isolated (shared memory). */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Records what a page does from now on: call it before `page.goto`.
 * @param {import('puppeteer-core').Page} page
 * @returns {{ errors: string[], warnings: string[], requests: string[], foreign(): string[], assertClean(): void }}
 *   errors: console errors, uncaught exceptions, failed requests and responses from 400 up;
 *   warnings: those of the console; requests: every URL asked for; foreign(): those that left this machine
 */
export function watch(page) {
  const errors = [];
  const warnings = [];
  const requests = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`console: ${message.text()}`);
    if (message.type() === 'warn') warnings.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(`uncaught: ${error.stack ?? error}`));
  page.on('request', (request) => requests.push(request.url()));
  // What a page gives up itself, as when it ends a Worker that still loads, is no failure.
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    if (!['NS_BINDING_ABORTED', 'net::ERR_ABORTED'].includes(reason)) errors.push(`failed: ${request.url()} ${reason}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) errors.push(`${response.status()}: ${response.url()}`);
  });
  const foreign = () => requests.filter((url) => !isLocal(url));
  return {
    errors,
    warnings,
    requests,
    foreign,
    assertClean() {
      if (errors.length > 0) throw new Error(`the page reported errors:\n${errors.join('\n')}`);
      if (foreign().length > 0) throw new Error(`requests left this machine:\n${foreign().join('\n')}`);
    },
  };
}

function isLocal(address) {
  const { protocol, hostname } = new URL(address);
  return ['data:', 'blob:', 'about:'].includes(protocol) || ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
}
