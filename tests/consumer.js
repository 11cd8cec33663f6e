// A project outside the repository that has the packed library installed, as a user's would.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

/** Runs npm and returns what it printed on stdout. */
export async function npm(args, cwd = root) {
  return (await run('npm', args, { cwd })).stdout;
}

/** Runs a file in a Node of its own and returns the JSON that it printed. */
export async function nodeJson(file, cwd) {
  return JSON.parse((await run(process.execPath, [file], { cwd })).stdout);
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
  const [{ filename }] = JSON.parse(await npm(['pack', '--json', '--pack-destination', folder]));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  await npm(['install', '--offline', '--no-audit', '--no-fund', `./${filename}`], folder);
  return folder;
}

/** Writes a folder of the project, given as { path: text }, and returns where it is. */
export async function writeApp(name, files) {
  const folder = join(await consumer(), name);
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  return folder;
}

let vite;

/** A page that leaves `outcome`, a promise, on its window; built by Vite once per process into its dist/. */
export function viteApp() {
  vite ??= buildWithVite();
  return vite;
}

async function buildWithVite() {
  const folder = await writeApp('vite', {
    'index.html':
      '<!doctype html><html lang="en"><meta charset="utf-8"><title>app</title><script type="module" src="/main.js"></script></html>\n',
    'main.js': `import { createAttention } from 'linear-attention-wasm';
import { runScenario } from ${JSON.stringify(join(root, 'tests/browser/pages/scenario.js'))};
window.outcome = createAttention({ build: 'simd' }).then(runScenario);
`,
  });
  const { build, createLogger } = await import('vite');
  const warnings = [];
  const logger = createLogger('silent');
  logger.warn = logger.warnOnce = (text) => warnings.push(text);
  await build({ root: folder, configFile: false, logLevel: 'warn', customLogger: logger });
  return { dist: join(folder, 'dist'), warnings };
}
