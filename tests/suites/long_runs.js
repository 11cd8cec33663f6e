/** The same stream run as one call, in pieces, token by token or as few queries over all of it, and compared where drift shows. */
import { tokenAt, unroll } from '../generate/tokens.js';
import { streamLinear } from '../oracle/stream.js';
import { assertClose } from '../tolerance.js';

/** Tokens compared together: their rows share one largest element, so that a query that cancels does not stand alone. */
const CLUSTER = 4;

/** The last tokens of ever longer prefixes of `length`, each but the last a little before a power of two. */
export function checkpoints(length, shortest = 4096) {
  const ends = [];
  for (let end = shortest; end < length; end *= 8) ends.push(end - 1);
  return [...ends, length].flatMap((end) => Array.from({ length: CLUSTER }, (_, i) => end - CLUSTER + i));
}

/** A gate of the tokens from … to−1: a number a head where it never changes, a tensor otherwise. */
function gateOf(pattern, from, to, layout) {
  if (!pattern) return undefined;
  if (pattern.width > 1) return unroll(pattern, from, to, layout);
  if (pattern.period === 1 && pattern.isDecay) return Array.from(pattern.data);
  const { data, shape } = unroll(pattern, from, to, layout);
  return { data, shape: shape.slice(0, 3) };
}

const optionsOf = ({ decay, beta, layout }, from, to) => ({
  ...(decay && { decay: gateOf({ ...decay, isDecay: true }, from, to, layout) }),
  ...(beta && { beta: gateOf(beta, from, to, layout) }),
  ...(layout && { layout }),
});

const tensorsOf = ({ q, k, v, layout }, from, to) => [q, k, v].map((pattern) => unroll(pattern, from, to, layout));

/** Row i of head h of a result of `count` tokens. */
function rowOf({ data, shape }, layout, h, i) {
  const [, a, b, width] = shape;
  const start = (layout === 'bthd' ? i * b + h : h * b + i) * width;
  if (h >= (layout === 'bthd' ? b : a)) throw new Error('no such head');
  return data.slice(start, start + width);
}

const formOf = ({ form: { featureMap, normalize, scale, eps } }) => ({ featureMap, normalize, ...(scale && { scale }), ...(eps !== undefined && { eps }) });

/** Options of the state that a stream needs. */
export const stateOf = (attention, one) => attention.state({ heads: one.k.heads, dim: one.k.width, valueDim: one.v.width, ...formOf(one) });

/** Outputs [head][checkpoint], gathered from calls that cover tokens from … to−1. */
class Gathered {
  constructor({ q, at, layout }) {
    this.at = at;
    this.layout = layout;
    this.o = Array.from({ length: q.heads }, () => []);
  }

  add(result, from, to) {
    for (const t of this.at) if (t >= from && t < to) this.o.forEach((rows, h) => rows.push(rowOf(result, this.layout, h, t - from)));
  }
}

export const runs = {
  whole(attention, one) {
    const gathered = new Gathered(one);
    const held = one.held !== undefined && { keyLengths: [one.held] };
    gathered.add(attention.linear(...tensorsOf(one, 0, one.length), { ...formOf(one), causal: true, ...optionsOf(one, 0, one.length), ...held }), 0, one.length);
    return gathered;
  },

  /** The queries of the checkpoints over all keys. */
  full(attention, one) {
    const { q, k, v, at, layout, length } = one;
    const rows = at.map((t) => tokenAt(q, t).data);
    const data = new Float32Array(q.heads * at.length * q.width);
    rows.forEach((row, i) => {
      for (let h = 0; h < q.heads; h++) data.set(row.subarray(h * q.width, (h + 1) * q.width), (layout === 'bthd' ? i * q.heads + h : h * at.length + i) * q.width);
    });
    const queries = { data, shape: layout === 'bthd' ? [1, at.length, q.heads, q.width] : [1, q.heads, at.length, q.width] };
    const held = one.held !== undefined && { keyLengths: [one.held] };
    const result = attention.linear(queries, unroll(k, 0, length, layout), unroll(v, 0, length, layout), { ...formOf(one), ...(layout && { layout }), ...held });
    return { full: Array.from({ length: q.heads }, (_, h) => at.map((_, i) => rowOf(result, layout, h, i))) };
  },

  /** Calls of the given sizes in turn; 0 stands for one state.step. `between(state)` may give another state to go on with. */
  pieces(attention, one, state, sizes, between = (same) => same) {
    const gathered = new Gathered(one);
    for (let from = 0, turn = 0; from < one.length; turn++) {
      const size = sizes[turn % sizes.length];
      const to = Math.min(one.length, from + Math.max(1, size));
      state = between(state, from);
      if (size === 0) gathered.add(stepOnce(state, one, from), from, to);
      else gathered.add(attention.linear(...tensorsOf(one, from, to), { causal: true, ...optionsOf(one, from, to), state }), from, to);
      from = to;
    }
    return gathered;
  },

  steps(attention, one, state) {
    const gathered = new Gathered({ ...one, layout: 'bhtd' });
    const step = stepper(one, state);
    for (let t = 0, next = 0; t < one.length; t++) {
      const result = step(t);
      if (t === one.at[next]) {
        gathered.add(asSequence(result), t, t + 1);
        next++;
      }
    }
    return gathered;
  },
};

const asSequence = ({ data, shape: [B, H, width] }) => ({ data, shape: [B, H, 1, width] });

function stepOnce(state, one, t) {
  const result = asSequence(stepper(one, state)(t));
  return one.layout === 'bthd' ? { data: result.data, shape: [1, 1, result.shape[1], result.shape[3]] } : result;
}

/** Every token of a period is made once: what is timed and what is allocated is the step alone. */
function stepper({ q, k, v, decay, beta }, state) {
  const token = (pattern) => {
    const made = [];
    return (t) => (made[t % pattern.period] ??= tokenAt(pattern, t));
  };
  const [query, key, value] = [q, k, v].map(token);
  const options = [];
  const gate = (pattern, t) => {
    const { data, shape } = tokenAt(pattern, t);
    return { data, shape: pattern.width > 1 ? shape : shape.slice(0, 2) };
  };
  const turns = (decay?.period ?? 1) * (beta?.period ?? 1);
  return (t) => {
    const o = (options[t % turns] ??= { ...(decay && { decay: gate(decay, t) }), ...(beta && { beta: gate(beta, t) }), out: new Float32Array(q.heads * v.width) });
    return state.step(query(t), key(t), value(t), o);
  };
}

/** What float64 says of a stream. */
export const expectedOf = (one) => streamLinear(one, { ...one.form, featureMap: one.form.reference ?? one.form.featureMap, length: one.length, at: one.at, held: one.held });

/** Every head by itself, and its checkpoints in clusters: neither a large head nor a long prefix hides a small one. */
export function assertStream(actual, expected, { at }, { rule, name }) {
  const form = actual.full ? 'full' : 'o';
  expected[form].forEach((rows, h) => {
    for (let i = 0; i < rows.length; i += CLUSTER) {
      const [got, want] = [actual[form][h], rows].map((list) => list.slice(i, i + CLUSTER).flatMap((row) => Array.from(row)));
      assertClose(got, want, { rule, name: `${name}: head ${h}, token ${at[i]} and after` });
    }
  });
}

/** The sums of a state, a head by itself. */
export function assertSums(state, expected, { rule, name }) {
  const compare = (what, data, sums) => {
    const size = data.length / sums.length;
    sums.forEach((sum, h) => assertClose(data.subarray(h * size, (h + 1) * size), sum, { rule, name: `${name}: ${what} of head ${h}` }));
  };
  compare('S', state.data, expected.S);
  if (state.normalize) compare('z', state.keySum, expected.z);
}
