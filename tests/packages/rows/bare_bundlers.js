/** Bundlers that leave what is not a script to their users, with and without what copies it. */
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { html, outcomeOf } from '../page.js';
import { program } from '../program.js';
import { execute, library, tool, tools } from '../scratch.js';

const files = (column) => ({ 'main.js': program(column) });
const copied = (folder) => cp(join(library, 'web/dist'), join(folder, 'out/dist'), { recursive: true });

async function open(folder, head) {
  await writeFile(join(folder, 'out/index.html'), html(head));
  return outcomeOf(join(folder, 'out'));
}

/** As it comes, and with dist/ beside the bundle; `bundle` writes out/main.js. */
const waysOf = (bundle) => [
  { run: async (column, folder) => (await bundle(folder), open(folder)) },
  { needs: 'copy `dist`', run: async (column, folder) => (await bundle(folder), await copied(folder), open(folder)) },
];

async function rollup(folder, plugins = []) {
  const [{ rollup: start }, { nodeResolve }] = await Promise.all([tool('rollup/dist/es/rollup.js'), tool('@rollup/plugin-node-resolve/dist/es/index.js')]);
  const bundle = await start({ input: join(folder, 'main.js'), plugins: [nodeResolve(), ...plugins] });
  await bundle.write({ dir: join(folder, 'out'), format: 'es' });
  await bundle.close();
}

async function rollupWithAssets(folder) {
  const { importMetaAssets } = await tool('@web/rollup-plugin-import-meta-assets/index.mjs');
  await rollup(folder, [importMetaAssets()]);
}

async function esbuild(folder, options = {}) {
  const { default: { build } } = await tool('esbuild/lib/main.js');
  await build({ entryPoints: [join(folder, 'main.js')], bundle: true, minify: true, format: 'esm', outfile: join(folder, 'out/main.js'), logLevel: 'silent', ...options });
}

const script = '<script defer src="./main.js"></script>';
const iife = (options) => async (column, folder) => (await esbuild(folder, { format: 'iife', ...options }), await copied(folder), open(folder, script));
/** Tells a bundle that is no module where it lies. */
const placed = { banner: { js: 'var place = document.currentScript.src;' }, define: { 'import.meta.url': 'place' } };
const wasm = `new URL('./dist/simd.wasm', document.baseURI)`;

const bun = (folder) => execute(folder, ['build', 'main.js', '--outdir', 'out', '--target', 'browser', '--minify'], { command: join(tools, '@oven/bun-linux-x64/bin/bun') });

export default [
  { name: 'esbuild, esm', files, ways: waysOf(esbuild) },
  {
    name: 'esbuild, iife',
    files,
    ways: [
      { run: iife() },
      { needs: '`wasm`', files: (column) => ({ 'main.js': program(column, undefined, { wasm }) }), run: iife() },
      { needs: '`define`', run: iife(placed) },
    ],
  },
  { name: 'Rollup 4, assets plugin', files, ways: [{ run: async (column, folder) => (await rollupWithAssets(folder), open(folder)) }] },
  { name: 'Rollup 4, alone', files, ways: waysOf(rollup) },
  { name: 'Bun, build', files, ways: waysOf(bun) },
];
