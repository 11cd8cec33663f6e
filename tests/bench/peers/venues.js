/** Where contestants run: { engine, enter() → { call(method, ...args), leave() }, close() }, one process or page each. */
import { fork } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { isolation, launch, serve } from '../../browser/driver.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const entry = fileURLToPath(new URL('process.js', import.meta.url));

// Node 20 has relaxed SIMD behind a flag, which jax-js takes as well where it can.
const flags = process.versions.node.startsWith('20.') ? ['--experimental-wasm-relaxed-simd'] : [];

export function nodeVenue() {
  const enter = async () => {
    const child = fork(entry, { execArgv: flags, serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const call = (method, ...args) =>
      new Promise((resolve, reject) => {
        const finish = (settle) => {
          child.removeListener('exit', onExit);
          child.removeListener('message', onMessage);
          settle();
        };
        const onExit = (code, signal) => finish(() => reject(new Error(`the process ended (${signal ?? `code ${code}`})`)));
        const onMessage = ({ value, error }) => finish(() => (error === undefined ? resolve(value) : reject(new Error(error))));
        if (child.exitCode !== null || child.signalCode !== null) reject(new Error('the process has ended'));
        else {
          child.on('exit', onExit).on('message', onMessage);
          child.send({ method, args });
        }
      });
    return { call, leave: async () => void child.kill() };
  };
  return { engine: `Node ${process.versions.node} (V8 ${process.versions.v8})`, inPage: false, enter, async close() {} };
}

/** One file for start-up times, as a site's bundler makes it and as the other libraries come; pages find it beside them. */
async function bundleOurs() {
  const folder = `${root}tests/bench/peers/node_modules/linear-attention-wasm`;
  await build({ entryPoints: [`${root}web/index.js`], outfile: `${folder}/index.js`, bundle: true, minify: true, format: 'esm', logLevel: 'error' });
  await cp(`${root}web/dist`, `${folder}/dist`, { recursive: true });
}

/** Pages are isolated only for threads: shared memory would give some libraries all cores. */
export async function browserVenue(name, { threads }) {
  await bundleOurs();
  const [browser, server] = [await launch(name), await serve(root, { headers: threads > 1 ? isolation : {} })];
  const enter = async () => {
    const context = await browser.browser.createBrowserContext(); // a process and caches of its own
    const page = await context.newPage();
    await page.goto(`${server.url}/tests/bench/peers/page.html`);
    await page.waitForFunction(() => window.call !== undefined);
    const plain = (x) => (ArrayBuffer.isView(x) ? Array.from(x) : x);
    const call = (method, ...args) => page.evaluate((m, a) => window.call(m, a), method, args.map(plain));
    return { call, leave: () => context.close() };
  };
  const close = async () => {
    await browser.close();
    await server.close();
  };
  return { engine: browser.version, inPage: true, enter, close };
}
