/** Which keys a softmax call's queries see: its options, and from them the la_softmax_span of the core. */
import { arrayFrom, newArray } from '../core/arrays.js';
import { fieldsIn, la_softmax_span } from '../core/structs.js';
import { checkBoolean, checkInteger, MAX_SIZE } from '../core/validate.js';
import { readIntegers } from './batch_rows.js';
import { checkTokens, readTokens } from './row_lengths.js';
import { checkSequences, readSequences } from './sequences.js';

const SPAN_WORDS = fieldsIn(la_softmax_span);

/** Offsets are of 32 bits; queries that far away see all keys or none. */
const clampOffset = (x) => Math.max(-MAX_SIZE, Math.min(MAX_SIZE, x));

/** Those that say where a query stands and what it sees from there; a window needs a causal mask. */
function readView(o, cache) {
  if (o.causalOffset === undefined && o.window === undefined && o.sinks === undefined && (cache === null || cache.window === null)) {
    return { causal: checkBoolean('causal', o.causal, false), offset: 0, window: 0, sinks: 0 };
  }
  const isShaped = ['window', 'sinks'].find((name) => o[name] !== undefined) ?? (cache?.window != null ? 'a cache with a window' : undefined);
  const causal = checkBoolean('causal', o.causal, isShaped !== undefined || o.causalOffset !== undefined);
  if (isShaped && !causal) throw new RangeError(`causal must be true with ${isShaped}, got false`);
  const offset = checkInteger('causalOffset', o.causalOffset, -MAX_SIZE, MAX_SIZE, 0);
  const held = cache?.window ?? null;
  const window = checkInteger('window', o.window, 1, MAX_SIZE, held ?? 0);
  const sinks = checkInteger('sinks', o.sinks, 0, MAX_SIZE, held === null ? 0 : cache.sinks);
  if (sinks > 0 && window === 0) throw new RangeError(`sinks needs window: without one every token is seen, got ${sinks}`);
  if (held !== null) {
    if (window - Math.min(0, offset) > held) throw new RangeError(`window, and what a negative causalOffset adds to it, must be at most ${held}, as the cache has, got ${window - Math.min(0, offset)}`);
    if (sinks > cache.sinks) throw new RangeError(`sinks must be at most ${cache.sinks}, as the cache has, got ${sinks}`);
  }
  return { causal, offset, window, sinks };
}

/** What must not be given beside sequences. */
const NOT_PACKED = ['cache', 'lengths', 'starts', 'keyLengths'];

const NO_LISTS = Object.freeze({ keyLengths: null, lengths: null, starts: null, sequences: null });

/** Those that are a list; reading their elements may run code of the caller's. */
function readLists(o, { k }) {
  if (o.lengths === undefined && o.starts === undefined && o.sequences === undefined) {
    return o.keyLengths === undefined ? NO_LISTS : { ...NO_LISTS, keyLengths: readIntegers('keyLengths', o.keyLengths, k.batch) };
  }
  const batch = k.batch;
  return { sequences: readSequences(o, NOT_PACKED), keyLengths: readIntegers('keyLengths', o.keyLengths, batch), ...readTokens(o, batch) };
}

/** Reads and checks all of them but keyLengths, whose bound a cache changes; `cache`: the option as it was given. */
export function readMask(o, inputs, cache) {
  const { causal, offset, window, sinks } = readView(o, cache);
  const { keyLengths, lengths, starts, sequences } = readLists(o, inputs);
  return { causal, offset, window, sinks, keyLengths, lengths, starts, sequences };
}

/** Checks the elements of its lists: { starts, counts } of the tokens of each row that count, or null where all do. */
export function checkMask(mask, inputs) {
  checkSequences(mask.sequences, inputs.q.rows, inputs.k.rows);
  return checkTokens(mask, inputs.q.rows, inputs.k.rows);
}

export function checkKeyBounds({ keyLengths }, batch, most) {
  for (let b = 0; keyLengths !== null && b < batch; b++) checkInteger(`keyLengths[${b}]`, keyLengths[b], 0, most);
}

/** Whether a call needs spans, because its rows or its sequences differ. */
export const needsSpans = ({ lengths, starts, sequences }) => lengths !== null || starts !== null || sequences !== null;

function writeSpan(words, at, batch, firstQuery, queries, firstKey, keys, offset, gap) {
  words[at] = batch;
  words[at + 1] = firstQuery;
  words[at + 2] = queries;
  words[at + 3] = firstKey;
  words[at + 4] = keys;
  words[at + 5] = offset;
  words[at + 6] = gap;
}

function writeSequences(words, { sequences, offset }, batch) {
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let i = 1; i < sequences.length; i++, at += SPAN_WORDS) {
      const [first, length] = [sequences[i - 1], sequences[i] - sequences[i - 1]];
      writeSpan(words, at, b, first, length, first, length, offset, 0);
    }
  }
}

function writeRows(words, mask, { q, k }, tokens, held) {
  const { keyLengths, offset } = mask;
  for (let b = 0; b < k.batch; b++) {
    const start = tokens === null ? 0 : tokens.starts[b];
    const queries = tokens === null ? q.rows : tokens.counts[b];
    const firstKey = held === null ? start : 0;
    const end = held === null ? start + queries : held.keys[b];
    const keys = Math.max(0, (keyLengths === null ? end : Math.min(end, keyLengths[b])) - firstKey);
    writeSpan(words, b * SPAN_WORDS, b, start, queries, firstKey, keys, held === null ? offset : clampOffset(held.offsets[b] + offset), held === null ? 0 : held.gaps[b]);
  }
}

/** The spans of a call as numbers, and how many there are. */
function spanFields(mask, inputs, tokens, held) {
  const { batch } = inputs.k;
  const count = batch * (mask.sequences === null ? 1 : mask.sequences.length - 1);
  const words = newArray(Int32Array, count * SPAN_WORDS);
  if (mask.sequences === null) writeRows(words, mask, inputs, tokens, held);
  else writeSequences(words, mask, batch);
  return { words, count };
}

/** Sets the fields of the argument struct that fieldsOf leaves open; `held`: what the cache's append returned, or null. */
export function placeMask(frame, mask, inputs, tokens, held, args) {
  if (needsSpans(mask) || (held !== null && !held.isUniform)) {
    const spans = spanFields(mask, inputs, tokens, held);
    args.spans = frame.copyIn(spans.words);
    args.span_count = spans.count;
    return;
  }
  if (held !== null && inputs.k.batch > 0) args.causal_offset = clampOffset(held.offsets[0] + mask.offset);
  if (mask.keyLengths !== null) args.key_lengths = frame.copyIn(arrayFrom(Int32Array, mask.keyLengths));
}
