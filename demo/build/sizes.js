// For Vite: what the library weighs, as README.md's table measures it, in the place of %wasm-size% and %script-size%.
import { librarySize } from '../../tests/bench/sizes.js';

const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`;

async function fillSizes(html) {
  const { script, wasm } = await librarySize();
  return html.replace('%wasm-size%', kilobytes(wasm)).replace('%script-size%', kilobytes(script));
}

export const librarySizes = () => ({
  name: 'library-sizes',
  transformIndexHtml: {
    order: 'pre',
    handler: (html) => (html.includes('%wasm-size%') ? fillSizes(html) : html),
  },
});
