import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { preloadFonts, writeFonts } from './build/fonts.js';
import { librarySizes } from './build/sizes.js';
import { themeScript } from './build/theme.js';
import { recordedBits } from './conformance/recorded.js';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

// What shared memory needs; a static host without them serves the page on one thread.
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig(async () => ({
  root: path('.'),
  base: './', // works under any path
  resolve: {
    alias: [
      { find: /^linear-attention-wasm$/, replacement: path('../web/index.js') },
      { find: /^linear-attention-wasm\/nn$/, replacement: path('../web/nn.js') },
      { find: /^linear-attention-wasm\/learn$/, replacement: path('../web/learn.js') },
      { find: /^fonts(?=\/)/, replacement: await writeFonts() },
      // The library's tests, on the page that runs them here.
      { find: /^node:(assert|fs)$/, replacement: path('conformance/stand_ins/$1.js') },
      { find: /^uvu$/, replacement: path('conformance/stand_ins/uvu.js') },
    ],
  },
  plugins: [recordedBits(), preloadFonts(), librarySizes(), themeScript()],
  worker: { format: 'es' },
  // What color-mix, toSorted and module Workers need; index.html names them where the page cannot run.
  build: { target: ['chrome111', 'firefox115', 'safari16.4'] },
  // A build each, so that the demo shares no file with the other pages, and is not divided for them.
  builder: {},
  environments: {
    client: { build: { rolldownOptions: { input: path('index.html') } } },
    conformance: { consumer: 'client', build: { emptyOutDir: false, rolldownOptions: { input: path('conformance.html') } } },
    segments: { consumer: 'client', build: { emptyOutDir: false, rolldownOptions: { input: path('segments.html') } } },
  },
  server: { headers: isolation, fs: { allow: [path('..')] } }, // the library lies beside the demo
  preview: { headers: isolation },
}));
