import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { program } from '../program.js';
import { library, tool } from '../scratch.js';

const answer = (outcome) => `export default { fetch: async () => Response.json(await ${outcome}) };`;

/** Bundled by esbuild, as wrangler does it, which leaves wasm to the runtime: modules are not compiled there. */
async function run(column, folder) {
  const [{ default: { build } }, { Miniflare }] = await Promise.all([tool('esbuild/lib/main.js'), tool('miniflare/dist/src/index.js').then((module) => module.default ?? module)]);
  const out = join(folder, 'out/main.js');
  await build({ entryPoints: [join(folder, 'main.js')], bundle: true, format: 'esm', outfile: out, external: ['*.wasm'], logLevel: 'silent' });
  const modules = [
    { type: 'ESModule', path: join(folder, 'out/main.js'), contents: await readFile(out, 'utf8') },
    { type: 'CompiledWasm', path: join(folder, 'out/linear-attention-wasm/simd.wasm'), contents: await readFile(join(library, 'web/dist/simd.wasm')) },
  ];
  const runtime = new Miniflare({ modules, modulesRoot: join(folder, 'out'), compatibilityDate: '2026-01-01' });
  try {
    const response = await runtime.dispatchFetch('http://localhost/');
    return await response.json();
  } finally {
    await runtime.dispose();
  }
}

export default [
  {
    name: 'workerd',
    files: (column) => ({ 'main.js': program(column, answer) }),
    ways: [
      { run },
      { needs: '`wasm`', files: (column) => ({ 'main.js': program(column, answer, { wasm: 'module', head: "import module from 'linear-attention-wasm/simd.wasm';\n" }) }), run },
    ],
  },
];
