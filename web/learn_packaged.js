/** Where the modules with gradients are, as packaged.js says of the others: spelled out for bundlers to find. */
export const packaged = {
  simd: () => new URL('./dist/learn.wasm', import.meta.url),
  relaxed: () => new URL('./dist/learn-relaxed.wasm', import.meta.url),
  'simd-threads': () => new URL('./dist/learn-threads.wasm', import.meta.url),
  'relaxed-threads': () => new URL('./dist/learn-relaxed-threads.wasm', import.meta.url),
};
