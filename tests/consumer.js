// A project outside the repository that has the packed library installed, as a user's would.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkSource, columns, program } from './packages/program.js';

export const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

/** Runs npm and returns what it printed on stdout. */
async function npm(args, cwd = root) {
  return (await run('npm', args, { cwd })).stdout;
}

/** Runs a file in a Node of its own and returns what it printed. */
export async function nodeText(file, cwd) {
  return (await run(process.execPath, [file], { cwd })).stdout;
}

/** The same of a file that prints JSON. */
export const nodeJson = async (file, cwd) => JSON.parse(await nodeText(file, cwd));

let paths;

/** The paths of the files in the package, as npm packs it; asked once per process. */
export function packedPaths() {
  paths ??= npm(['pack', '--dry-run', '--json']).then((json) => JSON.parse(json)[0].files.map(({ path }) => path));
  return paths;
}

let installed;

/** The project's folder: packed and installed once per process, removed when it exits. */
export function consumer() {
  installed ??= install();
  return installed;
}

async function install() {
  const folder = mkdtempSync(join(tmpdir(), 'linear-attention-wasm-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await installPacked(folder);
  return folder;
}

/** Makes an empty folder a project with the packed library. */
export async function installPacked(folder) {
  const [{ filename }] = JSON.parse(await npm(['pack', '--json', '--pack-destination', folder]));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  await npm(['install', '--offline', '--no-audit', '--no-fund', `./${filename}`], folder);
}

/** Writes a folder of the project, given as { path: text }, and returns where it is. */
export async function writeApp(name, files) {
  const folder = join(await consumer(), name);
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  return folder;
}

/** A module of the browser tests' pages, as source text. */
const pageModule = (name) => JSON.stringify(join(root, 'tests/browser/pages', name));

/** Programs of pages that leave `outcome`, a promise, on their window. */
const apps = {
  plain: `import { createAttention } from 'linear-attention-wasm';
import { runScenario } from ${pageModule('scenario.js')};
window.outcome = createAttention({ build: 'simd' }).then(runScenario);
`,
  threads: `import * as main from 'linear-attention-wasm';
import * as worker from 'linear-attention-wasm/worker';
import { compareEntries } from ${pageModule('asynchronous.js')};
import { describeError } from ${pageModule('scenario.js')};
import { compareThreads } from ${pageModule('threads.js')};
const library = { main, worker };
async function run(threads) {
  const inPage = await compareThreads(library, { build: 'auto', threads });
  return { inPage, inWorker: await compareEntries(library, { threads }), failure: await failure() };
}
/** Of an error that comes from the Worker: minifiers rename its class. */
async function failure() {
  const remote = await worker.createAttention();
  const { code, isOurs } = await remote.restore(new Uint8Array(3)).catch((error) => ({ code: error.code, isOurs: error instanceof worker.AttentionError }));
  await remote.dispose();
  return { code, isOurs };
}
window.outcome = run(2).catch(describeError);
`,
};

const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>app</title><script type="module" src="/main.js"></script></html>
`;
/** Calls `make` once per process for each name. */
function once(make) {
  const made = new Map();
  return (name = 'plain') => {
    if (!made.has(name)) made.set(name, make(name));
    return made.get(name);
  };
}

/** One of these programs in a page, built by Vite into its dist/. */
export const viteApp = once(buildWithVite);

const writePage = (name) => writeApp(name, { 'index.html': page, 'main.js': apps[name] });

async function buildWithVite(name) {
  const folder = await writePage(name);
  const { build, createLogger } = await import('vite');
  const warnings = [];
  const logger = createLogger('silent');
  logger.warn = logger.warnOnce = (text) => warnings.push(text);
  await build({ root: folder, configFile: false, logLevel: 'warn', customLogger: logger });
  return { dist: join(folder, 'dist'), warnings };
}

/** The same program built by webpack as it comes: its dist/ and what it warned of. */
export const webpackApp = once(buildWithWebpack);

async function buildWithWebpack(name) {
  const folder = await writePage(name);
  const { default: webpack } = await import('webpack');
  const dist = join(folder, 'webpack');
  const compiler = webpack({ mode: 'production', context: folder, entry: './main.js', output: { path: dist, filename: 'main.js', clean: true } });
  const stats = await promisify(compiler.run.bind(compiler))();
  await promisify(compiler.close.bind(compiler))();
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  await writeFile(join(dist, 'index.html'), page);
  return { dist, warnings: warnings.map(({ message }) => message) };
}

/** One of the programs of tests/packages, bundled by esbuild with the library's dist/ beside it. */
export const esbuildApp = once(async (column) => {
  const folder = await writeApp(`esbuild-page-${column}`, { 'main.js': program(column), 'check.js': checkSource });
  const { build } = await import('esbuild');
  await build({ entryPoints: [join(folder, 'main.js')], bundle: true, format: 'esm', outfile: join(folder, 'out/main.js'), logLevel: 'silent' });
  await cp(join(await consumer(), 'node_modules/linear-attention-wasm/web/dist'), join(folder, 'out/dist'), { recursive: true });
  await writeFile(join(folder, 'index.html'), page.replace('/main.js', './out/main.js'));
  return folder;
});

/** The same as it is, in a page whose import map says where the library lies. */
export const importMapApp = once(async (column) => {
  const { entry } = columns[column];
  const imports = { [entry]: `../node_modules/linear-attention-wasm/web/${entry.split('/')[1] ?? 'index'}.js` };
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  return writeApp(`map-${column}`, { 'index.html': page.replace('/main.js', './main.js').replace('<script', `${map}<script`), 'main.js': program(column), 'check.js': checkSource });
});

/** The same program on Vite's development server, as `npm run dev` has it; `headers` are sent with every answer. */
export async function viteDev(name, headers) {
  const folder = await writePage(name);
  const { createServer } = await import('vite');
  const server = await createServer({
    root: folder,
    configFile: false,
    logLevel: 'warn',
    server: { host: '127.0.0.1', port: 0, headers, hmr: false, watch: null, fs: { allow: [await consumer(), root] } },
  });
  await server.listen();
  return { url: `http://127.0.0.1:${server.httpServer.address().port}/`, close: () => server.close() };
}
