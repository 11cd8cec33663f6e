/**
 * Attention in plain JavaScript, [heads, length, dim] arrays: float64 in the loops, four rows and two columns in
 * registers, copies of one head at a time. `rows` of scratch are multiples of 4; what is past the end is ignored.
 */
const ROWS = 4;

const feature = (x) => (x > 0 ? x + 1 : Math.exp(x));
const head = (x, h, size) => x.subarray(h * size, (h + 1) * size);

function mapInto(target, source) {
  for (let i = 0; i < source.length; i++) target[i] = feature(source[i]);
}

/** out[r][u] = a[r]·b[u] for four rows of a and `count` of b. */
function dotRows(out, stride, a, aAt, b, count, d) {
  for (let u = 0; u < count; u += 2) {
    const p0 = u * d;
    const p1 = u + 1 < count ? p0 + d : p0;
    let a0 = 0,
      a1 = 0,
      a2 = 0,
      a3 = 0,
      b0 = 0,
      b1 = 0,
      b2 = 0,
      b3 = 0;
    for (let i = 0; i < d; i++) {
      const x = b[p0 + i];
      const y = b[p1 + i];
      const q0 = a[aAt + i];
      const q1 = a[aAt + d + i];
      const q2 = a[aAt + 2 * d + i];
      const q3 = a[aAt + 3 * d + i];
      a0 += q0 * x;
      a1 += q1 * x;
      a2 += q2 * x;
      a3 += q3 * x;
      b0 += q0 * y;
      b1 += q1 * y;
      b2 += q2 * y;
      b3 += q3 * y;
    }
    out[u] = a0;
    out[stride + u] = a1;
    out[2 * stride + u] = a2;
    out[3 * stride + u] = a3;
    if (u + 1 === count) continue;
    out[u + 1] = b0;
    out[stride + u + 1] = b1;
    out[2 * stride + u + 1] = b2;
    out[3 * stride + u + 1] = b3;
  }
}

/** out[r] += Σ_u w[r][u]·b[u] for four rows of `count` weights; d is even. */
function addWeightedRows(out, w, wAt, stride, b, count, d) {
  for (let j = 0; j < d; j += 2) {
    let a0 = 0,
      a1 = 0,
      a2 = 0,
      a3 = 0,
      b0 = 0,
      b1 = 0,
      b2 = 0,
      b3 = 0;
    for (let u = 0, p = j, at = wAt; u < count; u++, p += d, at++) {
      const x = b[p];
      const y = b[p + 1];
      const w0 = w[at];
      const w1 = w[at + stride];
      const w2 = w[at + 2 * stride];
      const w3 = w[at + 3 * stride];
      a0 += w0 * x;
      a1 += w1 * x;
      a2 += w2 * x;
      a3 += w3 * x;
      b0 += w0 * y;
      b1 += w1 * y;
      b2 += w2 * y;
      b3 += w3 * y;
    }
    out[j] += a0;
    out[j + 1] += b0;
    out[d + j] += a1;
    out[d + j + 1] += b1;
    out[2 * d + j] += a2;
    out[2 * d + j + 1] += b2;
    out[3 * d + j] += a3;
    out[3 * d + j + 1] += b3;
  }
}

/** S += Σ k_t v_tᵀ and z += Σ k_t, four tokens in one pass over S. */
function addTokens(S, z, k, v, count, d) {
  for (let t = 0; t < count; t += ROWS) {
    const at = t * d;
    for (let i = 0; i < d; i++) {
      const k0 = k[at + i];
      const k1 = k[at + d + i];
      const k2 = k[at + 2 * d + i];
      const k3 = k[at + 3 * d + i];
      z[i] += k0 + k1 + k2 + k3;
      for (let j = 0; j < d; j++) S[i * d + j] += k0 * v[at + j] + k1 * v[at + d + j] + k2 * v[at + 2 * d + j] + k3 * v[at + 3 * d + j];
    }
  }
}

function divideRow(out, to, sums, row, divisor, d) {
  const factor = 1 / divisor;
  for (let j = 0; j < d; j++) out[to + j] = sums[row * d + j] * factor;
}

export function softmax({ heads, length, dim: d, causal }, q, k, v, out) {
  const size = length * d;
  const scale = 1 / Math.sqrt(d);
  const [keys, values, scores, rows, sums] = [size, size, ROWS * length, ROWS * d, ROWS * d].map((n) => new Float64Array(n));
  for (let h = 0; h < heads; h++) {
    keys.set(head(k, h, size));
    values.set(head(v, h, size));
    for (let t = 0; t < length; t += ROWS) {
      const count = Math.min(ROWS, length - t);
      const seen = causal ? t + count : length;
      for (let i = 0; i < count * d; i++) rows[i] = q[h * size + t * d + i] * scale;
      dotRows(scores, length, rows, 0, keys, seen, d);
      const totals = [0, 0, 0, 0];
      for (let r = 0; r < ROWS; r++) totals[r] = exponentials(scores, r * length, causal ? Math.min(t + r + 1, seen) : length, seen);
      sums.fill(0);
      addWeightedRows(sums, scores, 0, length, values, seen, d);
      for (let r = 0; r < count; r++) divideRow(out, h * size + (t + r) * d, sums, r, totals[r], d);
    }
  }
}

/** exp of a row less its maximum, 0 from `count` to `end`; returns the sum. */
function exponentials(scores, at, count, end) {
  let top = -Infinity;
  for (let u = at; u < at + count; u++) if (scores[u] > top) top = scores[u];
  let total = 0;
  for (let u = at; u < at + count; u++) total += scores[u] = Math.exp(scores[u] - top);
  scores.fill(0, at + count, at + end);
  return total;
}

/** One query a head, straight from the cache. */
export function softmaxToken({ heads, length, dim: d }, q, k, v, out) {
  const scale = 1 / Math.sqrt(d);
  const [scores, row, sums] = [length, d, d].map((n) => new Float64Array(n));
  for (let h = 0; h < heads; h++) {
    const start = h * length * d;
    for (let i = 0; i < d; i++) row[i] = q[h * d + i] * scale;
    for (let t = 0; t < length; t++) {
      const at = start + t * d;
      let a = 0,
        b = 0,
        c = 0,
        e = 0;
      for (let i = 0; i < d; i += 4) {
        a += row[i] * k[at + i];
        b += row[i + 1] * k[at + i + 1];
        c += row[i + 2] * k[at + i + 2];
        e += row[i + 3] * k[at + i + 3];
      }
      scores[t] = a + b + c + e;
    }
    const total = exponentials(scores, 0, length, length);
    sums.fill(0);
    for (let t = 0; t < length; t += ROWS) {
      const at = start + t * d;
      const w0 = scores[t];
      const w1 = scores[t + 1];
      const w2 = scores[t + 2];
      const w3 = scores[t + 3];
      for (let j = 0; j < d; j++) sums[j] += w0 * v[at + j] + w1 * v[at + d + j] + w2 * v[at + 2 * d + j] + w3 * v[at + 3 * d + j];
    }
    divideRow(out, h * d, sums, 0, total, d);
  }
}

export function linearFull({ heads, length, dim: d }, q, k, v, out) {
  const size = length * d;
  const [queries, keys, values, S, z, sums] = [size, size, size, d * d, d, ROWS * d].map((n) => new Float64Array(n));
  for (let h = 0; h < heads; h++) {
    mapInto(queries, head(q, h, size));
    mapInto(keys, head(k, h, size));
    values.set(head(v, h, size));
    S.fill(0);
    z.fill(0);
    addTokens(S, z, keys, values, length, d);
    for (let t = 0; t < length; t += ROWS) {
      sums.fill(0);
      addWeightedRows(sums, queries, t * d, d, S, d, d);
      for (let r = 0; r < ROWS; r++) divideRow(out, h * size + (t + r) * d, sums, r, dotState(queries, (t + r) * d, z), d);
    }
  }
}

function dotState(x, at, z) {
  let sum = 0;
  for (let i = 0; i < z.length; i++) sum += x[at + i] * z[i];
  return sum;
}

/** Chunks of `size` tokens, a multiple of 4 that divides the length; 1 is the recurrence. */
export const linearCausal = (size) => (size === 1 ? recurrence : (one, q, k, v, out) => chunks(one, q, k, v, out, size));

function chunks({ heads, length, dim: d }, q, k, v, out, size) {
  const [queries, keys, values, S, z, weights, sums] = [size * d, size * d, size * d, d * d, d, ROWS * size, ROWS * d].map((n) => new Float64Array(n));
  for (let h = 0; h < heads; h++) {
    S.fill(0);
    z.fill(0);
    for (let start = 0; start < length; start += size) {
      const at = (h * length + start) * d;
      mapInto(queries, q.subarray(at, at + size * d));
      mapInto(keys, k.subarray(at, at + size * d));
      values.set(v.subarray(at, at + size * d));
      for (let t = 0; t < size; t += ROWS) {
        sums.fill(0);
        addWeightedRows(sums, queries, t * d, d, S, d, d);
        dotRows(weights, size, queries, t * d, keys, t + ROWS, d);
        const totals = [0, 0, 0, 0];
        for (let r = 0; r < ROWS; r++) {
          totals[r] = dotState(queries, (t + r) * d, z);
          for (let u = 0; u <= t + r; u++) totals[r] += weights[r * size + u];
          weights.fill(0, r * size + t + r + 1, r * size + t + ROWS);
        }
        addWeightedRows(sums, weights, 0, size, values, t + ROWS, d);
        for (let r = 0; r < ROWS; r++) divideRow(out, at + (t + r) * d, sums, r, totals[r], d);
      }
      addTokens(S, z, keys, values, size, d);
    }
  }
}

/** One token of one head; `at` is where it lies in q, k, v and out. */
function stepHead(q, k, v, at, S, z, sums, out, d) {
  sums.fill(0);
  let total = 0;
  for (let i = 0; i < d; i++) {
    const key = feature(k[at + i]);
    const query = feature(q[at + i]);
    z[i] += key;
    total += query * z[i];
    for (let j = 0; j < d; j++) {
      const next = S[i * d + j] + key * v[at + j];
      S[i * d + j] = next;
      sums[j] += query * next;
    }
  }
  divideRow(out, at, sums, 0, total, d);
}

function recurrence({ heads, length, dim: d }, q, k, v, out) {
  const [S, z, sums] = [d * d, d, d].map((n) => new Float64Array(n));
  for (let h = 0; h < heads; h++) {
    S.fill(0);
    z.fill(0);
    for (let t = 0; t < length; t++) stepHead(q, k, v, (h * length + t) * d, S, z, sums, out, d);
  }
}

export function linearStep({ heads, dim: d }, q, k, v, { S, z }, out) {
  const sums = new Float64Array(d);
  for (let h = 0; h < heads; h++) stepHead(q, k, v, h * d, head(S, h, d * d), head(z, h, d), sums, out, d);
}
