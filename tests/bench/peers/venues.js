/** Where contestants run: { engine, enter() → { call(method, ...args), leave() }, close() }, one process or page each. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

export async function browserVenue(name) {
  const [browser, server] = [await launch(name), await serve(root, { headers: isolation })];
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
