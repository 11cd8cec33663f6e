/**
 * The recurrence in float64 for sequences that oracle.linear, which keeps every row and output, is too slow for: flat
 * arrays, outputs at a few tokens only, and inputs that repeat, so that a feature map sees each row once.
 *
 * A pattern { data, heads, period, width } holds the rows of every head; token t is row t mod period.
 */
import { featureMapOf } from './feature_maps.js';

/** S [features × valueDim] and z of one head. */
class HeadState {
  constructor(features, valueDim) {
    this.S = new Float64Array(features * valueDim);
    this.z = new Float64Array(features);
    this.update = new Float64Array(valueDim);
  }

  /** S ← diag(keep)·S + k̃uᵀ, z ← keep·z + k̃, with u = v or β(v − Sᵀk̃), S decayed before. `keep` is a number, or one a feature. */
  write(k, v, keep, beta) {
    const { S, z, update: u } = this;
    const n = u.length;
    const each = typeof keep !== 'number';
    for (let c = 0; c < n; c++) u[c] = v[c];
    if (beta !== undefined) {
      for (let f = 0, at = 0; f < k.length; f++) {
        const recalled = (each ? keep[f] : keep) * k[f];
        for (let c = 0; c < n; c++, at++) u[c] -= S[at] * recalled;
      }
      for (let c = 0; c < n; c++) u[c] *= beta;
    }
    for (let f = 0, at = 0; f < k.length; f++) {
      const factor = each ? keep[f] : keep;
      const key = k[f];
      z[f] = factor * z[f] + key;
      for (let c = 0; c < n; c++, at++) S[at] = factor * S[at] + key * u[c];
    }
  }

  /** scale·Sᵀq̃, divided by scale·q̃·z + eps where `normalize` says so. */
  read(q, { normalize, scale, eps }) {
    const out = new Float64Array(this.update.length);
    let sum = 0;
    for (let f = 0, at = 0; f < q.length; f++) {
      sum += q[f] * this.z[f];
      for (let c = 0; c < out.length; c++, at++) out[c] += q[f] * this.S[at];
    }
    const denominator = normalize ? scale * sum + eps : 1;
    return out.map((x) => (scale * x) / denominator);
  }
}

const rowsOf = ({ data, period, width }, head) =>
  Array.from({ length: period }, (_, r) => Float64Array.from(data.subarray((head * period + r) * width, (head * period + r + 1) * width)));

/** Features of token t of a head. Maps that look at the place of a token are asked for every one (`byPlace`: t → map). */
function featuresOf(pattern, head, as, { featureMap, byPlace }) {
  const rows = rowsOf(pattern, head);
  const where = { as, batch: 0, head };
  if (byPlace) return (t) => byPlace(t)([rows[t % rows.length]], where)[0];
  const mapped = featureMapOf(featureMap)(rows, where);
  return (t) => mapped[t % mapped.length];
}

/**
 * → { o, full: [query heads][tokens][valueDim], S, z: one array a head of the keys }, at the tokens asked for (`at`,
 * ascending): o causal, each after its own token; full after all of them.
 *
 * q, k, v, decay, beta are patterns; k, v and gates have the same heads. `held`: tokens from there on write and decay
 * nothing.
 */
export function streamLinear({ q, k, v, decay, beta }, options) {
  const { length, at, held = length, normalize, scale = 1, eps = 1e-6 } = options;
  const group = q.heads / k.heads;
  const results = { o: [], full: [], S: [], z: [] };
  for (let g = 0; g < k.heads; g++) {
    const keys = featuresOf(k, g, 'key', options);
    const values = rowsOf(v, g);
    const keeps = decay ? rowsOf(decay, g).map((row) => (row.length === 1 ? Math.exp(row[0]) : row.map(Math.exp))) : [1];
    const betas = beta ? rowsOf(beta, g).map(([x]) => x) : [undefined];
    const queries = Array.from({ length: group }, (_, h) => featuresOf(q, g * group + h, 'query', options));
    const state = new HeadState(keys(0).length, v.width);
    const read = (t) => queries.map((query) => state.read(query(t), { normalize, scale, eps }));
    const outputs = [];
    for (let t = 0, next = 0; t < length; t++) {
      if (t < held) state.write(keys(t), values[t % values.length], keeps[t % keeps.length], betas[t % betas.length]);
      if (t === at[next]) outputs.push(read(at[next++]));
    }
    const full = at.map(read);
    queries.forEach((_, h) => {
      results.o.push(outputs.map((rows) => rows[h]));
      results.full.push(full.map((rows) => rows[h]));
    });
    results.S.push(state.S);
    results.z.push(state.z);
  }
  return results;
}

/** softmax(scale·qkᵀ)v of the queries `at`, each over the tokens up to its own (causal) or all of them, in two passes. */
export function streamSoftmax({ q, k, v }, { length, at, causal = false, scale = 1 / Math.sqrt(q.width) }) {
  const group = q.heads / k.heads;
  return Array.from({ length: q.heads }, (_, h) => {
    const [queries, keys, values] = [rowsOf(q, h), rowsOf(k, Math.floor(h / group)), rowsOf(v, Math.floor(h / group))];
    return at.map((i) => {
      const query = queries[i % queries.length];
      const logits = keys.map((key) => key.reduce((sum, x, c) => sum + x * query[c], 0) * scale);
      const count = causal ? i + 1 : length;
      const top = logits.slice(0, count).reduce((a, b) => Math.max(a, b), -Infinity);
      const out = new Float64Array(v.width);
      let total = 0;
      for (let t = 0; t < count; t++) {
        const weight = Math.exp(logits[t % keys.length] - top);
        const row = values[t % values.length];
        total += weight;
        for (let c = 0; c < out.length; c++) out[c] += weight * row[c];
      }
      return out.map((x) => x / total);
    });
  });
}
