/** Dense layers in float64, and PCG XSH-RR 64/32 in big integers, from their definitions. */

/** act(x Wᵀ + b) + residual; x [rows, inputs], weight [outputs, inputs]. */
export function dense(x, weight, bias, { activation = 'none', residual } = {}) {
  const [rows, inputs] = x.shape;
  const [outputs] = weight.shape;
  const data = new Float64Array(rows * outputs);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias ? bias.data[o] : 0;
      for (let i = 0; i < inputs; i++) sum += x.data[r * inputs + i] * weight.data[o * inputs + i];
      if (activation === 'relu') sum = Math.max(sum, 0);
      data[r * outputs + o] = sum + (residual ? residual.data[r * outputs + o] : 0);
    }
  }
  return { data, shape: [rows, outputs] };
}

/** (x − mean) / √(variance + eps) · weight + bias, row by row. */
export function layerNorm(x, weight, bias, eps) {
  const width = weight.data.length;
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += width) {
    const row = Array.from(x.data.subarray(start, start + width));
    const mean = row.reduce((sum, value) => sum + value, 0) / width;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    row.forEach((value, i) => (data[start + i] = ((value - mean) / Math.sqrt(variance + eps)) * weight.data[i] + bias.data[i]));
  }
  return { data, shape: x.shape };
}

const MASK = (1n << 64n) - 1n;

/** The 32-bit numbers of a seed and stream (O'Neill 2014; pcg32_srandom_r and pcg32_random_r of the C library). */
export function pcg32(seed, stream) {
  const increment = ((BigInt(stream) << 1n) | 1n) & MASK;
  let state = 0n;
  const next = () => {
    const old = state;
    state = (old * 6364136223846793005n + increment) & MASK;
    const folded = Number(BigInt.asUintN(32, ((old >> 18n) ^ old) >> 27n));
    const turn = Number(old >> 59n);
    return ((folded >>> turn) | (folded << (-turn & 31))) >>> 0;
  };
  next();
  state = (state + BigInt(seed)) & MASK;
  next();
  return next;
}
