/**
 * Feature maps in float64. A map takes the rows of one head, { as: 'query' | 'key', head } and returns rows of
 * length d'. Maps without parameters have a name; the others are made by the functions below.
 *
 * Maps of the softmax kernel absorb its 1/√d into x: x ← x·d^(−1/4).
 */
import { dot } from './tensor.js';

/** Of any number of them: engines take only so many as arguments. */
const greatest = (numbers) => numbers.reduce((a, b) => Math.max(a, b), -Infinity);

const perRow = (f) => (rows, where) => rows.map((x, t) => Float64Array.from(f(x, t, where)));

/** Katharopoulos et al. 2020. */
export const elu = perRow((x) => x.map((a) => (a > 0 ? a + 1 : Math.exp(a))));

export const relu = perRow((x) => x.map((a) => Math.max(a, 0)));

export const identity = perRow((x) => x);

/** Schlag et al. 2021, eq. 37: d' = 2dν. */
export const dpfp = (nu) =>
  perRow((x) => {
    const y = [...x.map((a) => Math.max(a, 0)), ...x.map((a) => Math.max(-a, 0))];
    const features = [];
    for (let j = 1; j <= nu; j++) {
      for (let i = 0; i < y.length; i++) features.push(y[i] * y[(i - j + y.length) % y.length]);
    }
    return features;
  });

/** Arora et al. 2024: φ(q)·φ(k) = 1 + s + s²/2, packed with i ≤ j. */
export const taylor = perRow((raw) => {
  const x = atTemperature(raw);
  const features = [1, ...x];
  for (let i = 0; i < x.length; i++) {
    features.push((x[i] * x[i]) / Math.SQRT2);
    for (let j = i + 1; j < x.length; j++) features.push(x[i] * x[j]);
  }
  return features;
});

/** Zhang et al. 2024. weights [heads][d][d] and bias [heads][d]; dialect 'separate' | 'joint'. */
export const hedgehog = ({ weights, bias, dialect = 'separate' } = {}) =>
  perRow((x, _, { head }) => {
    const y = project(x, weights?.[head], bias?.[head]);
    const negated = y.map((a) => -a);
    const features =
      dialect === 'joint'
        ? normalizedExp([...y, ...negated].map((a) => 2 * a))
        : [...normalizedExp(y), ...normalizedExp(negated)];
    return features.map((f) => Math.max(f, 1e-12));
  });

/** T2R, Kasai et al. 2021: relu(xW + b); activation 'exp': exp(xW + b). weights [heads][d][d'], bias [heads][d']. */
export const learned = ({ weights, bias, activation = 'relu' }) =>
  perRow((x, _, { head }) => project(x, weights[head], bias?.[head]).map((a) => (activation === 'exp' ? Math.exp(a) : Math.max(a, 0))));

/** Qin et al. 2022: the row at place i, counted from 1, is weighed by sin and cos of πi/(2M). `starts`: rows before, by batch. */
export const cosformer = ({ maxLength, start = 0, starts }) =>
  perRow((x, t, { batch }) => {
    const angle = (Math.PI * ((starts ? starts[batch] : start) + t + 1)) / (2 * maxLength);
    const y = [...x].map((a) => Math.max(a, 0));
    return [...y.map((a) => a * Math.sin(angle)), ...y.map((a) => a * Math.cos(angle))];
  });

/**
 * Choromanski et al. 2021. omega: rows of length d. offset 'none' (float64 needs none: it cancels) or 'max'
 * (performer-pytorch: per row for queries, over the sequence for keys); epsilon is added before m^(−1/2).
 */
export const favor =
  ({ omega, hyperbolic = false, normTerm = true, offset = 'none', epsilon = 0 }) =>
  (rows, { as }) => {
    const scaled = rows.map(atTemperature);
    const projected = scaled.map((x) => {
      const u = omega.map((w) => dot(w, x));
      return hyperbolic ? [...u, ...u.map((a) => -a)] : u;
    });
    const tops = projected.map(greatest);
    const top = greatest(tops);
    const offsetOf = (t) => (offset === 'none' ? 0 : as === 'query' ? tops[t] : top);
    return projected.map((u, t) => {
      const norm = normTerm ? dot(scaled[t], scaled[t]) / 2 : 0;
      return Float64Array.from(u, (a) => (Math.exp(a - norm - offsetOf(t)) + epsilon) / Math.sqrt(u.length));
    });
  };

/** Rahimi & Recht 2007; Peng et al. 2021. gaussian: leaves exp(‖x‖²/2) out. d' = 2·rows of omega, cosines first. */
export const rff = ({ omega, gaussian = false }) =>
  perRow((raw) => {
    const x = atTemperature(raw);
    const u = omega.map((w) => dot(w, x));
    const amplitude = (gaussian ? 1 : Math.exp(dot(x, x) / 2)) / Math.sqrt(omega.length);
    return [...u.map((a) => amplitude * Math.cos(a)), ...u.map((a) => amplitude * Math.sin(a))];
  });

const named = { elu, relu, identity, taylor };

export function featureMapOf(featureMap) {
  const map = typeof featureMap === 'function' ? featureMap : named[featureMap];
  if (!map) throw new Error(`the oracle has no feature map ${featureMap}`);
  return map;
}

const atTemperature = (x) => x.map((a) => a * x.length ** -0.25);

function project(x, weights, bias) {
  if (!weights) return [...x].map((a, i) => a + (bias ? bias[i] : 0));
  return Array.from(weights[0], (_, c) => x.reduce((sum, a, r) => sum + a * weights[r][c], bias ? bias[c] : 0));
}

function normalizedExp(y) {
  const top = greatest(y);
  const terms = y.map((a) => Math.exp(a - top));
  const sum = terms.reduce((a, b) => a + b, 0);
  return terms.map((e) => e / sum);
}
