/** onnxruntime-web on the CPU: wasm SIMD, threads where the page is isolated. */
import { expresses, onnxWays } from './onnxruntime.js';

const inPage = typeof window !== 'undefined';
const folder = new URL('../node_modules/onnxruntime-web/dist/', import.meta.url).href;

export default {
  name: 'onnxruntime-web',
  package: 'onnxruntime-web',
  group: 'web',
  expresses,

  async open({ threads }) {
    const ort = await import(inPage ? `${folder}ort.wasm.min.mjs` : 'onnxruntime-web');
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = 'fatal';
    if (inPage) ort.env.wasm.wasmPaths = folder;
    return { ort, sessionOptions: { executionProviders: ['wasm'] } };
  },

  ways: onnxWays,
};
