/** What each entry of the package weighs on the wire: gzipped, bundled and minified by esbuild, the wasm beside it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const web = fileURLToPath(new URL('../../web/', import.meta.url));
const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** Bytes of a program that uses all of these modules. */
async function scriptBytes(...modules) {
  const contents = modules.map((name, i) => `import * as m${i} from './${name}.js'; globalThis.m${i} = m${i};`).join('\n');
  const { outputFiles } = await build({ stdin: { contents, resolveDir: web }, bundle: true, minify: true, format: 'esm', platform: 'browser', write: false, external: ['node:*'], logLevel: 'error' });
  return gzipped(outputFiles[0].contents);
}

const fileBytes = async (name) => gzipped(await readFile(`${web}dist/${name}`));

/** Parts of an entry in the order of the table: the page's script, the Worker's where there is one, the module where it is fetched. */
const entries = [
  { name: 'linear-attention-wasm', holds: 'attention, states, caches, maps, on the calling thread', script: () => scriptBytes('index'), wasm: 'simd.wasm' },
  { name: 'linear-attention-wasm/inline', holds: 'the same in one file, for whoever cannot fetch', script: () => scriptBytes('inline') },
  { name: 'linear-attention-wasm/worker', holds: 'the same with promises, in a Worker', script: () => scriptBytes('worker'), worker: 'dist/worker-thread', wasm: 'simd.wasm' },
  { name: 'linear-attention-wasm/onnx', holds: 'ONNX’s LinearAttention, beside the first', script: async () => (await scriptBytes('index', 'onnx')) - (await scriptBytes('index')) },
  { name: 'linear-attention-wasm/nn', holds: 'layers, sampling, safetensors, beside the first', script: async () => (await scriptBytes('index', 'nn')) - (await scriptBytes('index')) },
  { name: 'linear-attention-wasm/learn', holds: 'the first with gradients, Adam, distilling', script: () => scriptBytes('learn'), wasm: 'learn.wasm' },
  { name: 'linear-attention-wasm/learn/worker', holds: 'the same in a Worker', script: () => scriptBytes('learn_worker'), worker: 'dist/learn-worker-thread', wasm: 'learn.wasm' },
];

const weigh = async ({ name, holds, script, worker, wasm }) => ({ name, holds, script: await script(), worker: worker ? await scriptBytes(worker) : null, wasm: wasm ? await fileBytes(wasm) : null });

/** [{ name, holds, script, worker, wasm }] in bytes; worker and wasm are null where an entry has none. */
export const entrySizes = () => Promise.all(entries.map(weigh));

/** What the entry of the package's own name weighs. */
export const librarySize = () => weigh(entries[0]);
