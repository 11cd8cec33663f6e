// For Vite: what the library weighs, measured when the page is built, in the place of %wasm-size% and %script-size%.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const entry = fileURLToPath(new URL('../../web/index.js', import.meta.url));
const wasm = fileURLToPath(new URL('../../web/dist/simd.wasm', import.meta.url));
const packed = (bytes) => `${Math.round(gzipSync(bytes, { level: 9 }).length / 1000)} kB`;

async function scriptSize() {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, format: 'esm', platform: 'browser', write: false, external: ['node:*'], logLevel: 'error' });
  return packed(outputFiles[0].contents);
}

export const librarySizes = () => ({
  name: 'library-sizes',
  transformIndexHtml: {
    order: 'pre',
    handler: async (html) => (html.includes('%wasm-size%') ? html.replace('%wasm-size%', packed(readFileSync(wasm))).replace('%script-size%', await scriptSize()) : html),
  },
});
