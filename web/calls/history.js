/**
 * What a state can take back: copies of its blocks as they were some tokens ago, and the tokens since, from which the same
 * calls make them again, bit for bit. Two spans follow one another, each a copy and the tokens behind it; when the newer is
 * full the older is given up, so that a copy is made once in many tokens and at least `limit` of them can be taken back.
 */
import { arrayFrom, newArray, newFloats } from '../core/arrays.js';
import { Frame } from '../core/core.js';
import { AttentionError, wrongValue } from '../core/errors.js';
import { asNumber, elementsOf } from '../core/lists.js';
import { checkInteger } from '../core/validate.js';
import { mapFields } from '../maps/feature_map.js';
import { advance, setLengths } from './positions.js';

/** Tokens of a span at least: copying a block costs about as much as what the core does once in 16 tokens. */
const FEWEST_TOKENS = 32;

/** How many tokens a span has room for: calls of up to `limit` tokens stay whole, and the older span holds as many when the newer is empty. */
const spanTokens = (limit) => Math.max(2 * limit, FEWEST_TOKENS);

/** Floats of one token of all rows: k, v, a decay of every feature, beta and write gate. */
const tokenFloats = ({ heads, dim, valueDim, features }, batch) => batch * heads * (dim + valueDim + features + 2);

const spanFloats = (memory, batch, blockFloats) => blockFloats + spanTokens(memory.historyLimit) * tokenFloats(memory, batch);

/** Floats that the history of a state takes. */
export const historyFloats = (memory, batch, blockFloats) => (memory.historyLimit === 0 ? 0 : 2 * spanFloats(memory, batch, blockFloats));

/** A history without content, whose floats begin `at` bytes into the state's memory; null where there is none. */
export function openHistory(memory, batch, blockFloats, at) {
  const { historyLimit: limit } = memory;
  if (limit === 0) return null;
  const span = (n) => ({ at: at + 4 * n * spanFloats(memory, batch, blockFloats), lengths: newArray(Float64Array, batch), calls: [], tokens: 0, used: blockFloats });
  return { limit, at, older: span(0), newer: span(1), each: newArray(Int32Array, batch).fill(1) };
}

const copyFloats = ({ f32 }, to, from, count) => f32.copyWithin(to >>> 2, from >>> 2, (from >>> 2) + count);

/** Has a span begin at the state as it is. */
function begin(memory, span) {
  const { core, pointer, blockFloats, lengths } = memory;
  copyFloats(core, pointer + span.at, pointer, blockFloats);
  span.lengths.set(lengths);
  Object.assign(span, { calls: [], tokens: 0, used: blockFloats });
}

/** Nothing from before can be taken back any more. */
export function forget(memory) {
  if (memory.history === null) return;
  begin(memory, memory.history.older);
  begin(memory, memory.history.newer);
}

/** Keeps floats of a call's arguments behind what the span has; returns where, from the state's memory on. */
function keepFloats({ core, pointer }, span, from, count) {
  const at = span.at + 4 * span.used;
  copyFloats(core, pointer + at, from, count);
  span.used += count;
  return at;
}

/** The same gate, with its numbers kept. */
const keepGate = (memory, span, field, count) => (field ? { ...field, data: keepFloats(memory, span, field.data, count) } : 0);

/**
 * Keeps what a call is about to take in; null where it is too long to be kept. `args`: its arguments by the names of
 * la_linear_args; `counts`, `starts` as checkRows gave them; `floats`: of k, v and gates. To be handed to
 * `rememberCall` once the call was made.
 */
export function keepCall(memory, args, { counts, starts }, floats) {
  const { history } = memory;
  const tokens = args.n_k;
  if (tokens > history.limit || args.n_q !== tokens) return null;
  if (history.newer.tokens + tokens > spanTokens(history.limit)) {
    const { older } = history;
    history.older = history.newer;
    history.newer = older;
    begin(memory, older);
  }
  const { newer } = history;
  const { used } = newer;
  const { heads, q_heads, k_heads, v_heads, causal, allow_growth } = args;
  const call = {
    tokens,
    absorbs: args.out === undefined,
    counts: counts ?? (tokens === 1 ? history.each : newArray(Int32Array, memory.batch).fill(tokens)),
    starts,
    args: {
      heads, q_heads, k_heads, v_heads, n_q: tokens, n_k: tokens, causal, allow_growth,
      k: { ...args.k, data: keepFloats(memory, newer, args.k.data, floats.k) },
      v: { ...args.v, data: keepFloats(memory, newer, args.v.data, floats.v) },
      decay: keepGate(memory, newer, args.decay, floats.decay),
      beta: keepGate(memory, newer, args.beta, floats.beta),
      write_gate: keepGate(memory, newer, args.write_gate, floats.writeGate),
    },
    end: { used: newer.used, tokens: newer.tokens + tokens },
  };
  // Until the call is made its floats count for nothing.
  newer.used = used;
  return call;
}

/** Counts a call that was made and its tokens; null: one that was not kept, behind which history begins anew. */
export function rememberCall(memory, call) {
  if (call === null) {
    forget(memory);
    return;
  }
  const { newer } = memory.history;
  newer.calls.push(call);
  Object.assign(newer, call.end);
}

/** How many tokens of each row can be taken back. */
const rewindable = ({ history: { limit, older }, lengths }) => Array.from(lengths, (length, b) => Math.min(limit, length - older.lengths[b]));

export function requireHistory({ history }) {
  if (history === null) throw new AttentionError('unsupported', 'rewind: this state keeps no tokens, make it with the option history: how many n may be');
}

const requireOneEach = (length, batch, got) => {
  if (length !== batch) throw wrongValue('n', `an integer, or an array of ${batch}, one a row`, got);
};

/** The elements of a list that was taken, one a row. To read them may run code of the caller's. */
export function readCounts(given, batch) {
  requireOneEach(given.length, batch, given.list);
  return elementsOf(given, asNumber);
}

/** The lengths that are left when `n` tokens, a number or what readCounts read, are taken back. */
export function lengthsBefore(memory, n) {
  const { batch, lengths } = memory;
  const most = rewindable(memory);
  if (typeof n === 'number') {
    const count = checkInteger('n', n, 0, most.reduce((least, one) => Math.min(least, one), Infinity));
    return Array.from(lengths, (length) => length - count);
  }
  requireOneEach(n.length, batch, n);
  return n.map((count, b) => lengths[b] - checkInteger(`n[${b}]`, count, 0, most[b]));
}

/** Makes a kept call again with so many tokens of each row, on a state whose row lengths are those before it. */
function repeatCall(state, memory, frame, { args, starts, tokens, absorbs }, counts) {
  const { core, pointer, positions, batch } = memory;
  const { dim, valueDim, normalize, scale, eps, featureMap } = state;
  const placed = (field) => (field ? { ...field, data: pointer + field.data } : 0);
  const out = absorbs ? 0 : { data: frame.alloc(batch * args.heads * tokens * valueDim * 4), batch: args.heads * tokens * valueDim, head: tokens * valueDim, row: valueDim };
  core.run({
    call: 'la_linear',
    args: {
      ...args, batch, dim, value_dim: valueDim, normalize: normalize ? 1 : 0, scale, eps, map: mapFields(featureMap), positions, state: pointer, out,
      key_lengths: frame.copyIn(counts),
      starts: frame.copyIn(starts ?? newArray(Int32Array, batch)),
      // What is asked does not matter.
      q: { data: pointer + args.k.data, batch: 0, head: 0, row: 0 },
      k: placed(args.k), v: placed(args.v), decay: placed(args.decay), beta: placed(args.beta), write_gate: placed(args.write_gate),
    },
  });
  advance(memory, tokens, counts);
}

/** Makes a span's calls again, up to `lengths` tokens of each row; returns those calls, with as many tokens as they then had. */
function repeatCalls(state, memory, { calls }, lengths) {
  const made = [];
  for (const call of calls) {
    const counts = arrayFrom(Int32Array, call.counts, (count, b) => Math.min(count, lengths[b] - memory.lengths[b]));
    if (counts.every((count) => count === 0)) continue;
    const frame = new Frame(memory.core);
    try {
      repeatCall(state, memory, frame, call, counts);
    } finally {
      frame.release();
    }
    made.push({ ...call, counts });
  }
  return made;
}

/** Of calls that a row still has tokens of; room is got back from behind the last. */
const setCalls = (span, calls, blockFloats) => Object.assign(span, { calls, ...(calls.at(-1)?.end ?? { used: blockFloats, tokens: 0 }) });

/** Takes the state back to `lengths` tokens of each row; where it cannot, for want of memory, it stays as it is. */
export function rewindTo(state, memory, lengths) {
  const { core, pointer, blockFloats, history: { older, newer } } = memory;
  const before = Array.from(memory.lengths);
  const reachesNewer = lengths.every((length, b) => length >= newer.lengths[b]);
  const frame = new Frame(core);
  try {
    const [kept, between] = [frame.alloc(blockFloats * 4), reachesNewer ? 0 : frame.alloc(blockFloats * 4)];
    copyFloats(core, kept, pointer, blockFloats);
    try {
      const from = reachesNewer ? newer : older;
      copyFloats(core, pointer, pointer + from.at, blockFloats);
      setLengths(memory, from.lengths);
      if (reachesNewer) {
        setCalls(newer, repeatCalls(state, memory, newer, lengths), blockFloats);
        return;
      }
      const early = repeatCalls(state, memory, older, lengths);
      copyFloats(core, between, pointer, blockFloats);
      const middle = Array.from(memory.lengths);
      const late = repeatCalls(state, memory, newer, lengths);
      setCalls(older, early, blockFloats);
      copyFloats(core, pointer + newer.at, between, blockFloats);
      newer.lengths.set(middle);
      setCalls(newer, late, blockFloats);
    } catch (error) {
      copyFloats(core, pointer, kept, blockFloats);
      setLengths(memory, before);
      throw error;
    }
  } finally {
    frame.release();
  }
}

/** What of a history is not in the state's memory. */
const spansOf = ({ older, newer }) => [older, newer].map(({ at, lengths, calls, tokens, used }) => ({ at, lengths: Array.from(lengths), calls: [...calls], tokens, used }));

function setSpans({ older, newer }, spans) {
  [older, newer].forEach((span, n) => {
    const { lengths, ...others } = spans[n];
    span.lengths.set(lengths);
    Object.assign(span, others);
  });
}

const floatsOf = ({ history, pointer, length }) => ({ from: pointer + history.at, count: length - history.at / 4 });

/** Becomes the history of another state of equal sizes. */
export function copyHistory(to, from) {
  if (to.history === null) return;
  copyFloats(to.core, floatsOf(to).from, floatsOf(from).from, floatsOf(from).count);
  setSpans(to.history, spansOf(from.history));
}

/** A function that puts back what is remembered of tokens now. */
export function holdHistory(memory) {
  if (memory.history === null) return () => {};
  const { from, count } = floatsOf(memory);
  const floats = newFloats(count);
  floats.set(memory.core.floatsAt(from, count));
  const spans = spansOf(memory.history);
  return () => {
    memory.core.f32.set(floats, floatsOf(memory).from >>> 2);
    setSpans(memory.history, spans);
  };
}
