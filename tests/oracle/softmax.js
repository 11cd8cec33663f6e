/** Softmax attention in float64, from the whole row of logits. */
import { dot, rowsOf, zeros } from './tensor.js';

/** How many leading keys query i of batch b sees; `before` keys were there when the queries came. */
export function visibleKeys(i, b, keyCount, { causal = false, keyLengths, before = 0 } = {}) {
  const held = keyLengths ? keyLengths[b] : keyCount;
  return causal ? Math.min(held, keyCount, before + i + 1) : held;
}

/** Softmax weights of one query over `count` keys; the maximum is subtracted (the exact result does not change). */
export function softmaxRow(q_i, keys, count, scale) {
  const logits = keys.slice(0, count).map((k_j) => scale * dot(q_i, k_j));
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const terms = logits.map((s) => Math.exp(s - top));
  const sum = terms.reduce((a, b) => a + b, 0);
  return terms.map((e) => e / sum);
}

/** softmax(scale·qkᵀ)v → o [B, H, Tq, dv]. A query that sees no key gives 0. */
export function softmax(q, k, v, options = {}) {
  const { scale = 1 / Math.sqrt(q.shape[3]) } = options;
  const [B, H, Tq] = q.shape;
  const [, kvHeads, Tk, dv] = v.shape;
  const o = zeros([B, H, Tq, dv]);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvHead = Math.floor((h * kvHeads) / H);
      const queries = rowsOf(q, b, h);
      const keys = rowsOf(k, b, kvHead);
      const values = rowsOf(v, b, kvHead);
      const outputs = rowsOf(o, b, h);
      for (let i = 0; i < Tq; i++) {
        const w = softmaxRow(queries[i], keys, visibleKeys(i, b, Tk, options), scale);
        for (let j = 0; j < w.length; j++) {
          for (let c = 0; c < dv; c++) outputs[i][c] += w[j] * values[j][c];
        }
      }
    }
  }
  return o;
}
