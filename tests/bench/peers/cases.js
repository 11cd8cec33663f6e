/** What is raced: the cases, their inputs, and what float64 says of them. Runs in Node and in pages. */
import { sampleInputs } from '../../../demo/measure/random.js';
import * as oracle from '../../oracle.js';
import { rowsOf } from '../../oracle/tensor.js';
import { assertClose } from '../../tolerance.js';
import { unitRows } from '../unit_rows.js';

const MOST_CHECKED = 64; // rows of a result that are compared: the oracle takes 10 s for all rows of the longest
const PAST = 64; // tokens in the state before the streamed one

/**
 * Every kind of case, in the order of the table; those with a rule are recurrences of the features as they are, without a
 * normaliser: RetNet's, a decay a head, and Gated DeltaNet's, a decay and a beta a head and token. `lengths` are the defaults; a
 * token's length is what it looks back on.
 */
export const kinds = {
  'linear-causal': { kind: 'linear', causal: true, token: false, lengths: [1024, 8192] },
  'linear-full': { kind: 'linear', causal: false, token: false, lengths: [1024, 8192] },
  retention: { kind: 'linear', rule: 'gated', causal: true, token: false, lengths: [1024, 8192] },
  'gated-delta': { kind: 'linear', rule: 'gated_delta', causal: true, token: false, lengths: [1024, 8192] },
  'softmax-causal': { kind: 'softmax', causal: true, token: false, lengths: [1024] },
  'softmax-full': { kind: 'softmax', causal: false, token: false, lengths: [1024] },
  'linear-token': { kind: 'linear', causal: true, token: true, lengths: [PAST] },
  'softmax-token': { kind: 'softmax', causal: false, token: true, lengths: [8192] },
};

export const caseOf = (id, length, { heads, dim }) => ({ id, ...kinds[id], length, heads, dim });

/** How the table calls a case. */
export function titleOf({ id, length }) {
  if (id === 'retention') return `RetNet's recurrence, T ${length}`;
  if (id === 'gated-delta') return `Gated DeltaNet's, T ${length}`;
  if (id === 'linear-token') return 'one streamed linear token';
  if (id === 'softmax-token') return `one softmax token, cache of ${length}`;
  const [kind, form] = id.split('-');
  return `${form} ${kind}, T ${length}`;
}

const slice = ({ data, shape: [B, H, T, d] }, from, to) => {
  const part = new data.constructor(H * (to - from) * d);
  for (let h = 0; h < H; h++) part.set(data.subarray((h * T + from) * d, (h * T + to) * d), h * (to - from) * d);
  return { data: part, shape: [B, H, to - from, d] };
};
const single = ({ data, shape }) => ({ data: Float32Array.from(data), shape });

/** Numbers of every head and token, each by f(head, token). */
const perToken = (heads, length, f) => ({ data: Float32Array.from({ length: heads * length }, (_, i) => f(Math.floor(i / length), i % length)), shape: [1, heads, length] });

/** What RetNet and Gated DeltaNet gate with: { decay, beta } of every head and token. */
function gatesOf({ rule, heads, length }) {
  if (rule === 'gated') return { decay: perToken(heads, length, (h) => Math.log(1 - 2 ** (-5 - h))) };
  return { decay: perToken(heads, length, (h, t) => -((t * 7 + h) % 11) / 20), beta: perToken(heads, length, (h, t) => ((t * 3 + h) % 7) / 8 + 0.1) };
}

/**
 * { q, k, v }, each [1, heads, length, dim]. A token has q of length 1 as well as `step`, its own k and v, and what
 * came before: `past` keys and values (softmax; k and v hold them and the token), or the state S and z (linear).
 * Cases with a rule have its decay, and beta, [1, heads, length].
 */
export function inputsOf({ kind, rule, token, heads, length, dim }) {
  const { q, k, v } = sampleInputs({ seed: 1, heads, length, dim, norm: 1 });
  if (rule) return { q, k: unitRows(k), v, ...gatesOf({ rule, heads, length }) };
  if (!token) return { q, k, v };
  const last = length - 1;
  const inputs = { q: slice(q, last, length), k, v, step: { k: slice(k, last, length), v: slice(v, last, length) } };
  const past = [q, k, v].map((x) => slice(x, 0, last));
  if (kind === 'softmax') return { ...inputs, past: { k: past[1], v: past[2] } };
  const { S, z } = oracle.linear(...past, { causal: true });
  return { ...inputs, S: single(S), z: single(z) };
}

/** Positions of the rows that are compared: all of a short result, else the first, the last and some between. */
export function checkedRows(length) {
  const count = Math.min(length, MOST_CHECKED);
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / Math.max(1, count - 1)));
}

const pick = ({ data, shape: [, H, T, d] }, rows) =>
  Float64Array.from({ length: H * rows.length * d }, (_, i) => data[(Math.floor(i / (rows.length * d)) * T + rows[Math.floor(i / d) % rows.length]) * d + (i % d)]);

/** The float64 result at the compared rows, [heads, rows, dim]. */
export function expectedOf({ kind, rule, causal, token }, { q, k, v, ...gates }) {
  const { shape } = q;
  const rows = checkedRows(shape[2]);
  if (rule) return pick(oracle.linear(q, k, v, { featureMap: 'identity', normalize: false, causal, ...gates }).o, rows);
  if (token) return kind === 'linear' ? oracle.linear(q, k, v).o.data : oracle.softmax(q, k, v).data;
  if (kind === 'linear' && causal) return pick(oracle.linear(q, k, v, { causal }).o, rows);
  if (!causal) {
    const some = { data: pick(q, rows), shape: [1, shape[1], rows.length, shape[3]] };
    return kind === 'linear' ? oracle.linear(some, k, v).o.data : oracle.softmax(some, k, v).data;
  }
  const expected = new Float64Array(shape[1] * rows.length * shape[3]);
  rows.forEach((row, r) => {
    const one = oracle.softmax(slice(q, row, row + 1), slice(k, 0, row + 1), slice(v, 0, row + 1));
    for (let h = 0; h < shape[1]; h++) expected.set(rowsOf(one, 0, h)[0], (h * rows.length + r) * shape[3]);
  });
  return expected;
}

/** Throws unless a result [heads, length, dim] agrees with float64, within what other people's float32 may err. */
export function verify(data, { heads, length, dim, token, id }, expected) {
  const T = token ? 1 : length;
  if (data.length !== heads * T * dim) throw new Error(`${id}: ${data.length} elements, expected ${heads * T * dim}`);
  assertClose(pick({ data, shape: [1, heads, T, dim] }, checkedRows(T)), expected, { rule: 'golden', name: id });
}
