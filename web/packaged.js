/** The modules that lie beside this file, each spelled out for bundlers to find. */
export const packaged = {
  simd: () => new URL('./dist/simd.wasm', import.meta.url),
  relaxed: () => new URL('./dist/relaxed.wasm', import.meta.url),
  'simd-threads': () => new URL('./dist/simd-threads.wasm', import.meta.url),
  'relaxed-threads': () => new URL('./dist/relaxed-threads.wasm', import.meta.url),
};
