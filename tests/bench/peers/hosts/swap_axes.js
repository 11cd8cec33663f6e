/** [heads, length, dim] ↔ [length, heads, dim], `outer` and `inner` as they are on the way in. */
export function swapAxes(data, outer, inner, dim) {
  const swapped = new Float32Array(data.length);
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < inner; j++) {
      const from = (i * inner + j) * dim;
      swapped.set(data.subarray(from, from + dim), (j * outer + i) * dim);
    }
  }
  return swapped;
}
