/** The option sequences: where those begin and end that are packed into every row of a batch and do not see each other. */
import { newArray } from '../core/arrays.js';
import { wrongValue } from '../core/errors.js';
import { asNumber, elementsOf } from '../core/lists.js';
import { checkInteger } from '../core/validate.js';

/** How many there may be. */
const MOST = 2 ** 24;

/** Its numbers; null where it was not given. `others`: options of the call that say otherwise what a row is. */
export function readSequences(o, others) {
  const { sequences } = o;
  if (sequences === undefined) return null;
  const other = others.find((name) => o[name] !== undefined);
  if (other) throw new RangeError(`sequences must not be given with ${other}`);
  if (sequences.length < 1 || sequences.length > MOST) throw wrongValue('sequences', 'an array of at least one and at most 2^24 integers', sequences.list);
  return elementsOf(sequences, asNumber);
}

/** Refuses numbers that do not go through all tokens of a call of so many queries and keys. */
export function checkSequences(sequences, queries, keys) {
  if (sequences === null) return;
  if (queries !== keys) throw new RangeError(`sequences needs as many queries as keys, got ${queries} and ${keys}`);
  let last = 0;
  sequences.forEach((end, i) => {
    last = checkInteger(`sequences[${i}]`, end, last, i === 0 ? 0 : keys);
  });
  if (last !== keys) throw new RangeError(`sequences must end with ${keys}, the length of q and k, got ${last}`);
}

/** The sequences of `batch` rows that have tokens, as checkTokens says of rows what counts, and how many there are in each. */
export function packSequences(sequences, batch) {
  const ends = sequences.filter((end, i) => i > 0 && end > sequences[i - 1]);
  const packed = ends.length;
  if (packed <= 1) return { counts: null, starts: null, packed: 1 };
  const counts = newArray(Int32Array, batch * packed);
  const starts = newArray(Int32Array, batch * packed);
  for (let i = 0; i < counts.length; i++) {
    const n = i % packed;
    starts[i] = n === 0 ? 0 : ends[n - 1];
    counts[i] = ends[n] - starts[i];
  }
  return { counts, starts, packed };
}
