/** Softmax attention in float64, from the whole row of scores. */
import { dot, rowsOf, zeros } from './tensor.js';

/** How many leading keys query i of batch b sees; `before` keys were there when the queries came. */
export function visibleKeys(i, b, keyCount, { causal = false, keyLengths, before = 0 } = {}) {
  const held = keyLengths ? keyLengths[b] : keyCount;
  return causal ? Math.min(held, keyCount, before + i + 1) : held;
}

/** Softmax weights of one query over `count` keys; the maximum is subtracted (the exact result does not change). */
export function softmaxRow(q_i, keys, count, scale) {
  return weightsOf(keys.slice(0, count).map((k_j) => scale * dot(q_i, k_j))).weights;
}

export function weightsOf(scores) {
  const maximum = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const terms = scores.map((s) => Math.exp(s - maximum));
  const sum = terms.reduce((a, b) => a + b, 0);
  return { weights: terms.map((e) => e / sum), maximum, sum };
}

/** Tokens first … end − 1 that token i belongs to, or null: those of its row that count, or those of its sequence. */
function spanOf(i, b, length, { lengths, starts, sequences }) {
  if (sequences) {
    const s = sequences.findIndex((end) => i < end);
    return { first: sequences[s - 1], end: sequences[s] };
  }
  const first = starts?.[b] ?? 0;
  const span = { first, end: lengths ? first + lengths[b] : length };
  return !(starts || lengths) || (i >= span.first && i < span.end) ? span : null;
}

/** The keys that query i of batch b sees. */
export function seenBy(i, b, h, keyCount, options) {
  const { causal = false, keyLengths, before = 0, causalOffset = 0, window = Infinity, sinks = 0, bias } = options;
  const span = spanOf(i, b, keyCount, options);
  const seen = [];
  if (span === null) return seen;
  const position = before + i + causalOffset;
  for (let j = span.first; j < Math.min(span.end, keyLengths?.[b] ?? keyCount); j++) {
    if (causal && j > position) continue;
    if (j <= position - window && j - span.first >= sinks) continue;
    if (biasOf(bias, i, j, h, position) !== -Infinity) seen.push(j);
  }
  return seen;
}

/** Where in a bias [heads or 1, queries, keys] the number of a query and key is. */
export function biasIndex({ shape: [heads, queries, keys] }, i, j, h) {
  return ((heads === 1 ? 0 : h) * queries + i) * keys + j;
}

/** What is added to the score of query i, which stands at `position`, and key j. */
export function biasOf(bias, i, j, h, position) {
  if (!bias) return 0;
  if (Array.isArray(bias)) return -bias[h] * Math.abs(position - j);
  return bias.data[biasIndex(bias, i, j, h)];
}

/**
 * softmax(scale·qkᵀ)v as { output [B, H, Tq, dv], maximum, sum [B, H, Tq] }; a query that sees no key gives 0, −∞ and 0.
 * Scores are capped, softcap·tanh(score/softcap), and then biased. Queries see keys up to before + i + causalOffset where
 * they are causal, of these the last `window` and the first `sinks`; lengths and starts: how many tokens of each row count, from which on;
 * sequences: where each of those that are packed ends, after a 0.
 */
export function softmaxPart(q, k, v, options = {}) {
  const { scale = 1 / Math.sqrt(q.shape[3]), softcap, before = 0, causalOffset = 0, bias } = options;
  const [B, H, Tq] = q.shape;
  const [, kvHeads, Tk, dv] = v.shape;
  const output = zeros([B, H, Tq, dv]);
  const [maximum, sum] = [zeros([B, H, Tq]), zeros([B, H, Tq])];
  const scoreOf = (i, j, h, query, key) => {
    const product = scale * dot(query, key);
    return (softcap ? softcap * Math.tanh(product / softcap) : product) + biasOf(bias, i, j, h, before + i + causalOffset);
  };
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvHead = Math.floor((h * kvHeads) / H);
      const queries = rowsOf(q, b, h);
      const keys = rowsOf(k, b, kvHead);
      const values = rowsOf(v, b, kvHead);
      const outputs = rowsOf(output, b, h);
      for (let i = 0; i < Tq; i++) {
        const seen = seenBy(i, b, h, Tk, options);
        const row = weightsOf(seen.map((j) => scoreOf(i, j, h, queries[i], keys[j])));
        for (let n = 0; n < seen.length; n++) {
          for (let c = 0; c < dv; c++) outputs[i][c] += row.weights[n] * values[seen[n]][c];
        }
        maximum.data[(b * H + h) * Tq + i] = row.maximum;
        sum.data[(b * H + h) * Tq + i] = row.sum;
      }
    }
  }
  return { output, maximum, sum };
}

/** Its output alone. */
export const softmax = (q, k, v, options) => softmaxPart(q, k, v, options).output;
