// For Vite: the page's fonts with no more characters and weights than the page uses, and hints to load them first.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import subsetFont from 'subset-font';

const demo = fileURLToPath(new URL('..', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/fonts', import.meta.url));
const require = createRequire(import.meta.url);

const sources = {
  'serif': 'source-serif-4/files/source-serif-4-latin-wght-normal',
  'serif-italic': 'source-serif-4/files/source-serif-4-latin-wght-italic',
  'serif-greek-italic': 'source-serif-4/files/source-serif-4-greek-wght-italic',
  'sans': 'source-sans-3/files/source-sans-3-latin-wght-normal',
  'sans-italic': 'source-sans-3/files/source-sans-3-latin-wght-italic',
  'sans-greek': 'source-sans-3/files/source-sans-3-greek-wght-normal',
  'sans-greek-italic': 'source-sans-3/files/source-sans-3-greek-wght-italic',
};
/** What the first screen is set in. */
const first = ['serif', 'sans'];
const weights = { min: 400, max: 600 };

/** Printable ASCII, and whatever else the sources of the page hold. */
function charactersOf(folder) {
  const found = new Set(Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)));
  for (const name of readdirSync(folder, { recursive: true })) {
    if (/\.(js|html)$/.test(name) && !/(^|[\\/])dist[\\/]/.test(name)) for (const one of readFileSync(join(folder, name), 'utf8')) if (one >= ' ') found.add(one);
  }
  return [...found].sort().join('');
}

/**
 * Writes the subsets, or finds them written: they are named by what is in them.
 * @returns {Promise<string>} their folder
 */
export async function writeFonts() {
  const text = charactersOf(demo);
  const files = Object.fromEntries(Object.entries(sources).map(([name, path]) => [name, readFileSync(require.resolve(`@fontsource-variable/${path}.woff2`))]));
  const hash = createHash('sha256').update(text).update(JSON.stringify(weights));
  for (const bytes of Object.values(files)) hash.update(bytes);
  const folder = join(cache, hash.digest('hex').slice(0, 16));
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(folder, `${name}.woff2`);
    if (existsSync(path)) continue;
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, await subsetFont(bytes, text, { targetFormat: 'woff2', variationAxes: { wght: weights } }));
  }
  return folder;
}

/** Puts hints into the page's head: a font is then there for the first paint, and nothing moves when it comes. */
export const preloadFonts = () => ({
  name: 'preload-fonts',
  transformIndexHtml: {
    order: 'post',
    handler(_, { bundle }) {
      const names = Object.keys(bundle ?? {});
      return first
        .map((font) => names.find((name) => new RegExp(`(^|/)${font}-[\\w-]{8}\\.woff2$`).test(name)))
        .filter(Boolean)
        .map((name) => ({ tag: 'link', attrs: { rel: 'preload', as: 'font', type: 'font/woff2', href: `./${name}`, crossorigin: '' }, injectTo: 'head-prepend' }));
    },
  },
});
