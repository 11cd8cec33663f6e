// A few tokens through softmax's cache and through a state, with every product on the way.
import { withMap } from './maps.js';
import { normalStream } from './random.js';

export const tokens = 8;
export const dim = 4;
export const rules = ['sum', 'decay', 'delta'];
/** The token whose key a later one stores again, both from 0, at first. */
const TWICE = [1, 5];

/** Numbers of one decimal; the last query asks for the key that is stored twice. */
export function firstInputs(seed = 3) {
  const round = (value) => Math.round(10 * value) / 10 + 0; // no −0
  const draw = (stream) => {
    const next = normalStream(seed, stream);
    return Array.from({ length: tokens * dim }, () => round(next()));
  };
  const [q, k, v] = [draw(0), draw(1), draw(2)];
  const copy = (to, at, from) => to.splice(at * dim, dim, ...k.slice(from * dim, (from + 1) * dim));
  copy(k, TWICE[1], TWICE[0]);
  copy(q, TWICE[1], TWICE[0]);
  copy(q, tokens - 1, TWICE[0]);
  return { q, k, v };
}

/** The key of a token again under a later one. */
export const storeTwice = (k) => k.map((value, i) => (Math.floor(i / dim) === TWICE[1] ? k[TWICE[0] * dim + (i % dim)] : value));

/** Rows of length 1, as DeltaNet has its keys and queries; a row of zeros stays. */
function unitRows(values) {
  const length = (row) => Math.hypot(...values.slice(row * dim, (row + 1) * dim)) || 1;
  return values.map((value, i) => value / length(Math.floor(i / dim)));
}

/**
 * @param {{ q: number[], k: number[], v: number[], rule: string, decay: number, beta: number }} options vectors [tokens, dim];
 *   decay: what the state keeps at each token; beta: how much of an old value the delta rule replaces
 * @returns a step a token: { key, query: φ of both; old: what the state gave under the key; written: what goes in under it;
 *   product; S, z: after it; normaliser; linear, exact: the answers; weights: softmax's, over the tokens so far }
 */
export function runMachine(attention, { q, k, v, rule, decay, beta }) {
  const delta = rule === 'delta';
  const [queries, keys] = delta ? [unitRows(q), unitRows(k)] : [q, k];
  const row = (values, t) => ({ data: Float32Array.from(values.slice(t * dim, (t + 1) * dim)), shape: [1, 1, dim] });
  const rows = (values, from, to) => ({ data: Float32Array.from(values.slice(from * dim, to * dim)), shape: [to - from, dim] });
  return withMap(attention.featureMap(delta ? 'identity' : 'elu', { dim }), (map) => {
    const state = attention.state({ heads: 1, dim, featureMap: map, normalize: !delta, eps: 0 });
    const cache = attention.cache({ heads: 1, dim, maxLength: tokens });
    const features = (values, t, as) => map.apply(rows(values, t, t + 1), { as }).data;
    try {
      return Array.from({ length: tokens }, (_, t) => {
        const before = state.data;
        const [key, query] = [features(keys, t, 'key'), features(queries, t, 'query')];
        const gates = { ...(rule === 'decay' && { decay: Math.log(decay) }), ...(delta && { beta }) };
        const linear = state.step(row(queries, t), row(keys, t), row(v, t), gates).data;
        const exact = attention.softmax(rows(q, t, t + 1), rows(k, t, t + 1), rows(v, t, t + 1), { cache, causal: true }).data;
        const weights = attention.weights(rows(q, t, t + 1), rows(k, 0, t + 1), { kind: 'softmax' }).data;
        const old = readBack(before, key);
        const value = v.slice(t * dim, (t + 1) * dim);
        const written = Float32Array.from(value, (x, i) => (delta ? beta * (x - old[i]) : x));
        const product = Float32Array.from({ length: dim * dim }, (_, i) => key[Math.floor(i / dim)] * written[i % dim]);
        const z = state.keySum;
        return { key, query, old, written, product, S: state.data, z, normaliser: z ? dot(query, z) : 1, linear, exact, weights };
      });
    } finally {
      state.dispose();
      cache.dispose();
    }
  });
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** What a state gives under the features of a key: Sᵀφ(k), divided by z·φ(k) where there is z. */
export function readBack(S, key, z = null) {
  const by = z ? dot(key, z) : 1;
  return Float32Array.from({ length: dim }, (_, column) => key.reduce((sum, value, i) => sum + value * S[i * dim + column], 0) / by);
}

/** The latest token before `t` with the same key, or −1. */
export function sameKeyBefore(k, t) {
  const same = (a) => k.slice(a * dim, (a + 1) * dim).every((value, i) => value === k[t * dim + i]);
  for (let a = t - 1; a >= 0; a--) if (same(a)) return a;
  return -1;
}
