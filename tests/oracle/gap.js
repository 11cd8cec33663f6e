/** Attention weights and the gap between linear and softmax attention, in float64, from whole Tq×Tk matrices. */
import { featureMapOf } from './feature_maps.js';
import { linear } from './linear.js';
import { softmax, softmaxRow, visibleKeys } from './softmax.js';
import { dot, rowsOf, zeros } from './tensor.js';

/** [B, H, Tq, Tk]; rows sum to 1. kind 'softmax' | 'linear'. */
export function weights(q, k, { kind, featureMap = 'elu', causal = false, scale = kind === 'softmax' ? 1 / Math.sqrt(q.shape[3]) : 1, eps = 0 }) {
  const [B, H, Tq] = q.shape;
  const [, kvHeads, Tk] = k.shape;
  const w = zeros([B, H, Tq, Tk]);
  const map = featureMapOf(featureMap);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kvHead = Math.floor((h * kvHeads) / H);
      const keys = rowsOf(k, b, kvHead);
      const queries = rowsOf(q, b, h);
      const mappedKeys = map(keys, { as: 'key', head: kvHead });
      const mappedQueries = map(queries, { as: 'query', head: h });
      rowsOf(w, b, h).forEach((w_i, i) => {
        const count = visibleKeys(i, b, Tk, { causal });
        w_i.set(
          kind === 'softmax'
            ? softmaxRow(queries[i], keys, count, scale)
            : linearRow(mappedQueries[i], mappedKeys, count, scale, eps),
        );
      });
    }
  }
  return w;
}

function linearRow(q_i, keys, count, scale, eps) {
  const terms = keys.slice(0, count).map((k_j) => scale * dot(q_i, k_j));
  const sum = terms.reduce((a, b) => a + b, 0);
  return terms.map((s) => s / (sum + eps));
}

/** The measures of GapMeasures, per head and overall, of linear attention L against softmax attention S. */
export function gap(q, k, v, { featureMap = 'elu', causal = false, scale = 1, softmaxScale = 1 / Math.sqrt(q.shape[3]), eps = 1e-6 } = {}) {
  const [B, H, Tq] = q.shape;
  const [, kvHeads, Tk, dv] = v.shape;
  const L = linear(q, k, v, { featureMap, causal, scale, eps }).o;
  const S = softmax(q, k, v, { causal, scale: softmaxScale });
  const W = weights(q, k, { kind: 'softmax', causal, scale: softmaxScale });
  const A = weights(q, k, { kind: 'linear', featureMap, causal, scale, eps });
  const perHead = [];
  const overall = emptySums();
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const values = rowsOf(v, b, Math.floor((h * kvHeads) / H));
      const [l, s, w, a] = [L, S, W, A].map((x) => rowsOf(x, b, h));
      const sums = emptySums();
      for (let i = 0; i < Tq; i++) {
        const count = visibleKeys(i, b, Tk, { causal });
        const mean = Float64Array.from(
          { length: dv },
          (_, c) => values.slice(0, count).reduce((sum, row) => sum + row[c], 0) / count,
        );
        addQuery(sums, l[i], s[i], mean);
        addWeights(sums, w[i], a[i], count);
      }
      perHead.push({ batch: b, head: h, ...measures(sums) });
      for (const key in sums)
        overall[key] = key === 'maxError' ? Math.max(overall[key], sums[key]) : overall[key] + sums[key];
    }
  }
  return { ...measures(overall), perHead };
}

const emptySums = () => ({
  error: 0,
  softmax: 0,
  linear: 0,
  product: 0,
  meanError: 0,
  maxError: 0,
  kl: 0,
  l1: 0,
  weightError: 0,
  weight: 0,
  queries: 0,
});

function addQuery(sums, l_i, s_i, mean) {
  for (let c = 0; c < s_i.length; c++) {
    sums.error += (l_i[c] - s_i[c]) ** 2;
    sums.meanError += (mean[c] - s_i[c]) ** 2;
    sums.softmax += s_i[c] ** 2;
    sums.linear += l_i[c] ** 2;
    sums.product += l_i[c] * s_i[c];
    sums.maxError = Math.max(sums.maxError, Math.abs(l_i[c] - s_i[c]));
  }
}

function addWeights(sums, w_i, a_i, count) {
  sums.queries += 1;
  for (let j = 0; j < count; j++) {
    if (w_i[j] > 0) sums.kl += w_i[j] * Math.log(w_i[j] / a_i[j]);
    sums.l1 += Math.abs(w_i[j] - a_i[j]);
    sums.weightError += (w_i[j] - a_i[j]) ** 2;
    sums.weight += w_i[j] ** 2;
  }
}

function measures(sums) {
  return {
    relativeError: Math.sqrt(sums.error / sums.softmax),
    maxError: sums.maxError,
    cosine: sums.product / Math.sqrt(sums.linear * sums.softmax),
    meanValueError: Math.sqrt(sums.meanError / sums.softmax),
    weightKL: sums.kl / sums.queries,
    weightL1: sums.l1 / sums.queries,
    weightError: Math.sqrt(sums.weightError / sums.weight),
  };
}
