/** Linear attention in float64: the literal recurrence when causal, the double sum over queries and keys when not. */
import { featureMapOf } from './feature_maps.js';
import { visibleKeys } from './softmax.js';
import { dot, rowsOf, zeros } from './tensor.js';

/** Head h of `heads` uses this one of n. */
const headOf = (h, heads, n) => Math.floor((h * n) / heads);

const isMultiple = (a, b) => b > 0 && a % b === 0;

/** { H, G }: heads of the result and of the states. Refused unless H is a multiple of each, and G of both of k's and v's. */
export function countHeads(q, k, v) {
  const counts = [q, k, v].map(({ shape }) => shape[1]);
  const [H, G] = [Math.max(...counts), Math.max(counts[1], counts[2])];
  if (!counts.every((count) => isMultiple(H, count)) || !isMultiple(G, Math.min(counts[1], counts[2]))) {
    throw new Error(`heads of q, k and v do not go together: ${counts.join(', ')}`);
  }
  return { H, G };
}

/**
 * Linear attention → { o [B, H, Tq, dv], S [B, G, d', dv], z [B, G, d'] }, H the most heads of q, k and v, G of k and v.
 *
 * decay (natural logarithm): none | [n] | [B, n, T] | [B, n, T, d'], n a divisor of G: 1, those of k, or G.
 * beta [B, n, T] selects the delta rule. Both need causal. Keys past keyLengths write and decay nothing, and are not even
 * mapped. Maps are told { as, batch, head }, the head one of the result's or of k's. A query over no weight at all gives 0.
 */
export function linear(q, k, v, options = {}) {
  const { featureMap = 'elu', causal = false, decay, beta, initialState, initialKeySum } = options;
  const { normalize = !decay && !beta, scale = 1, eps = 1e-6 } = options;
  if (!causal && (decay || beta)) throw new Error('decay and beta are defined for causal attention only');
  const map = featureMapOf(featureMap);
  const { H, G } = countHeads(q, k, v);
  const [B, queryHeads] = q.shape;
  const [, keyHeads] = k.shape;
  const [, valueHeads, , dv] = v.shape;
  const o = zeros([B, H, q.shape[2], dv]);
  const heads = [];

  for (let b = 0; b < B; b++) {
    for (let g = 0; g < G; g++) {
      const held = visibleKeys(0, b, k.shape[2], { keyLengths: options.keyLengths });
      const keyHead = headOf(g, G, keyHeads);
      const keys = map(rowsOf(k, b, keyHead).slice(0, held), { as: 'key', batch: b, head: keyHead });
      const values = rowsOf(v, b, headOf(g, G, valueHeads));
      const queries = [];
      const outputs = [];
      for (let h = (g * H) / G; h < ((g + 1) * H) / G; h++) {
        const queryHead = headOf(h, H, queryHeads);
        queries.push(map(rowsOf(q, b, queryHead), { as: 'query', batch: b, head: h }));
        outputs.push(rowsOf(o, b, h));
      }
      const features = map([new Float64Array(k.shape[3])], { as: 'key', batch: b, head: keyHead })[0].length;
      const state = initialHead(initialState, initialKeySum, b, g, features, dv);
      const read = (q_i, o_i) => {
        const denominator = normalize ? scale * dot(q_i, state.z) + eps : 1;
        for (let c = 0; c < dv; c++) {
          let sum = 0;
          for (let f = 0; f < features; f++) sum += q_i[f] * state.S[f][c];
          o_i[c] = denominator === 0 ? 0 : (scale * sum) / denominator;
        }
      };

      if (causal) {
        for (let t = 0; t < k.shape[2]; t++) {
          if (t < held) write(state, keys[t], values[t], gateAt(decay, b, g, G, t), scalarAt(beta, b, g, G, t));
          queries.forEach((rows, r) => read(rows[t], outputs[r][t]));
        }
      } else {
        queries.forEach((rows, r) =>
          rows.forEach((q_i, i) =>
            sumOverKeys(q_i, keys, values, state, { normalize, scale, eps }, outputs[r][i]),
          ),
        );
        for (let t = 0; t < held; t++) write(state, keys[t], values[t]);
      }
      heads.push(state);
    }
  }
  return { o, ...gather(heads, B, G, dv) };
}

function initialHead(S0, z0, b, h, features, dv) {
  const S = rowsOf(S0 ?? zeros([b + 1, h + 1, features, dv]), b, h).map((row) => row.slice());
  const z = new Float64Array(features);
  const start = (b * (z0?.shape[1] ?? 0) + h) * features;
  if (z0) z.set(z0.data.subarray(start, start + features));
  return { S, z };
}

/** One token: S ← diag(exp g)·S + k̃uᵀ, z ← exp(g)·z + k̃, with u = v or β(v − Sᵀk̃). */
function write({ S, z }, k_t, v_t, gate, beta) {
  const u = Float64Array.from(v_t);
  if (gate) {
    for (let f = 0; f < k_t.length; f++) {
      const keep = Math.exp(gate.length === 1 ? gate[0] : gate[f]);
      z[f] *= keep;
      for (let c = 0; c < u.length; c++) S[f][c] *= keep;
    }
  }
  if (beta !== undefined) {
    for (let c = 0; c < u.length; c++) {
      let recalled = 0;
      for (let f = 0; f < k_t.length; f++) recalled += S[f][c] * k_t[f];
      u[c] = beta * (v_t[c] - recalled);
    }
  }
  for (let f = 0; f < k_t.length; f++) {
    z[f] += k_t[f];
    for (let c = 0; c < u.length; c++) S[f][c] += k_t[f] * u[c];
  }
}

/** o_i = scale·(q̃ᵀS₀ + Σ_j (q̃·k̃_j) v_j) / (scale·(q̃·z₀ + Σ_j q̃·k̃_j) + eps), key by key. */
function sumOverKeys(q_i, keys, values, { S, z }, { normalize, scale, eps }, o_i) {
  let total = dot(q_i, z);
  for (let f = 0; f < q_i.length; f++) {
    for (let c = 0; c < o_i.length; c++) o_i[c] += q_i[f] * S[f][c];
  }
  for (let j = 0; j < keys.length; j++) {
    const weight = dot(q_i, keys[j]);
    total += weight;
    for (let c = 0; c < o_i.length; c++) o_i[c] += weight * values[j][c];
  }
  const denominator = normalize ? scale * total + eps : 1;
  for (let c = 0; c < o_i.length; c++) o_i[c] = denominator === 0 ? 0 : (scale * o_i[c]) / denominator;
}

function gateAt(decay, b, g, G, t) {
  if (!decay) return null;
  const { data, shape } = decay;
  if (shape.length === 1) return [data[headOf(g, G, shape[0])]];
  const [, n, T, d = 1] = shape;
  const start = ((b * n + headOf(g, G, n)) * T + t) * d;
  return data.subarray(start, start + d);
}

const scalarAt = (x, b, g, G, t) => (x ? x.data[(b * x.shape[1] + headOf(g, G, x.shape[1])) * x.shape[2] + t] : undefined);

function gather(heads, B, G, dv) {
  const features = heads.length ? heads[0].z.length : 0;
  const S = zeros([B, G, features, dv]);
  const z = zeros([B, G, features]);
  heads.forEach((state, n) => {
    state.S.forEach((row, f) => S.data.set(row, (n * features + f) * dv));
    z.data.set(state.z, n * features);
  });
  return { S, z };
}
