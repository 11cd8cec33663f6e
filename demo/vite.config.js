import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

// What shared memory needs; a static host without them serves the page on one thread.
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  root: path('.'),
  base: './', // works under any path
  resolve: {
    alias: [
      { find: /^linear-attention-wasm$/, replacement: path('../web/index.js') },
      { find: /^linear-attention-wasm\/nn$/, replacement: path('../web/nn.js') },
    ],
  },
  worker: { format: 'es' },
  server: { headers: isolation, fs: { allow: [path('..')] } }, // the library lies beside the demo
  preview: { headers: isolation },
});
