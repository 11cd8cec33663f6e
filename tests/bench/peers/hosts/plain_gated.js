/** RetNet's and Gated DeltaNet's recurrence in plain JavaScript, in float64, which engines compute as fast as float32. */

/** S ← exp(g)·S + k uᵀ with u = v or β(v − Sᵀk), S decayed before; out = Sᵀq. `beta` may be missing. */
export function gatedRecurrence({ heads, length, dim: d }, q, k, v, decay, beta, out) {
  const [S, u, row] = [d * d, d, d].map((n) => new Float64Array(n));
  for (let h = 0; h < heads; h++) {
    S.fill(0);
    for (let t = 0; t < length; t++) {
      const gate = h * length + t;
      const at = gate * d;
      const keep = Math.exp(decay[gate]);
      if (beta) recall(S, k, v, at, keep, beta[gate], u, d);
      else for (let j = 0; j < d; j++) u[j] = v[at + j];
      row.fill(0);
      for (let i = 0; i < d; i++) {
        const key = k[at + i];
        const query = q[at + i];
        for (let j = 0, s = i * d; j < d; j++, s++) {
          const next = keep * S[s] + key * u[j];
          S[s] = next;
          row[j] += query * next;
        }
      }
      for (let j = 0; j < d; j++) out[at + j] = row[j];
    }
  }
}

/** u = β(v − keep·Sᵀk). */
function recall(S, k, v, at, keep, beta, u, d) {
  u.fill(0);
  for (let i = 0; i < d; i++) {
    const key = k[at + i];
    for (let j = 0, s = i * d; j < d; j++, s++) u[j] += S[s] * key;
  }
  for (let j = 0; j < d; j++) u[j] = beta * (v[at + j] - keep * u[j]);
}
