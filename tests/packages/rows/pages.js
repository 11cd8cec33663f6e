/** Pages without any tool, and the other places where a page runs scripts. */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serve } from '../../browser/driver.js';
import { html, outcomeOf } from '../page.js';
import { columns, program } from '../program.js';
import { library } from '../scratch.js';

const entries = { 'linear-attention-wasm': 'index.js', 'linear-attention-wasm/worker': 'worker.js', 'linear-attention-wasm/inline': 'inline.js' };
const place = (column) => `web/${entries[columns[column].entry]}`;
const map = (where) => `<script type="importmap">${JSON.stringify({ imports: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, `${where}web/${file}`])) })}</script>`;
const module = '<script type="module" src="./main.js"></script>';
const page = (head) => ({ 'index.html': html(head) });

/** With the package's web/ beside the page. */
const runIn = (browser) => async (column, folder) => {
  await cp(join(library, 'web'), join(folder, 'web'), { recursive: true });
  return outcomeOf(folder, browser);
};
const run = runIn('chromium');

const open = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };

/** With the package on another origin, whose address the page has in its map. */
async function fromElsewhere(column, folder) {
  const elsewhere = await serve(library, { headers: open });
  try {
    await writeFile(join(folder, 'index.html'), html(map(`${elsewhere.url}/`) + module));
    return await outcomeOf(folder);
  } finally {
    await elsewhere.close();
  }
}

/** A worklet and the workers below have no import map: their scripts name the file. */
const direct = (column, end, more) => program(column, end, { entry: `./${place(column)}`, ...more });
const fails = (what) => `(event) => (globalThis.outcome = { error: { message: '${what}' + (event.message ?? '') } })`;

const shared = (column) => ({
  ...page(module),
  'main.js': `const worker = new SharedWorker('./shared.js', { type: 'module' });
worker.port.onmessage = ({ data }) => (globalThis.outcome = data);
worker.onerror = ${fails('the SharedWorker did not start: ')};
`,
  'shared.js': direct(column, (outcome) => `const outcome = ${outcome};\nglobalThis.onconnect = ({ ports: [port] }) => outcome.then((told) => port.postMessage(told));`),
});

const service = (column) => ({
  ...page(module),
  'main.js': `navigator.serviceWorker.onmessage = ({ data }) => (globalThis.outcome = data);
navigator.serviceWorker.register('./service.js', { type: 'module' }).then(
  (registration) => (registration.installing ?? registration.active).postMessage('start'),
  ({ name, message }) => (globalThis.outcome = { error: { name, message } }),
);
`,
  'service.js': direct(column, (outcome) => `globalThis.onmessage = (event) => event.waitUntil(${outcome}.then((told) => event.source.postMessage(told)));`),
});

/** A worklet can fetch nothing: the page hands it the compiled module. */
const worklet = (wasm) => (column) => ({
  ...page(module),
  'main.js': `const context = new AudioContext();
const module = await WebAssembly.compileStreaming(fetch('./web/dist/simd.wasm'));
try {
  await context.audioWorklet.addModule('./processor.js');
  const node = new AudioWorkletNode(context, 'attention', { processorOptions: { module } });
  node.port.onmessage = ({ data }) => (globalThis.outcome = data);
  node.onprocessorerror = ${fails('the processor failed ')};
} catch ({ name, message }) {
  globalThis.outcome = { error: { name, message } };
}
`,
  'processor.js': direct(
    column,
    (outcome) => `registerProcessor('attention', class extends AudioWorkletProcessor {
  constructor({ processorOptions: { module } }) {
    super();
    ${outcome}.then((told) => this.port.postMessage(told));
  }
  process() {
    return true;
  }
});`,
    { wasm },
  ),
});

/** Chromium is where every other page is opened as well. */
const nameIn = (place, browser) => (browser === 'firefox' ? `${place}, Firefox` : place);

export default [
  { name: 'Import map', files: (column) => ({ ...page(map('./') + module), 'main.js': program(column) }), ways: [{ run }] },
  { name: 'Another origin (CDN)', files: (column) => ({ 'main.js': program(column) }), ways: [{ run: fromElsewhere }] },
  ...['chromium', 'firefox'].flatMap((browser) => [
    { name: nameIn('SharedWorker', browser), files: shared, ways: [{ run: runIn(browser) }] },
    { name: nameIn('ServiceWorker', browser), files: service, ways: [{ run: runIn(browser) }] },
    { name: nameIn('AudioWorklet', browser), files: worklet(), ways: [{ run: runIn(browser) }, { needs: '`wasm`', files: worklet('module'), run: runIn(browser) }] },
  ]),
];
