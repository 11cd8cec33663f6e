/** Which tokens of a call count, a row of the batch: its options lengths and starts, or, of linear(), keyLengths or sequences instead. */
import { newArray } from '../core/arrays.js';
import { checkKeyLengths, readKeyLengths } from '../core/given.js';
import { checkInteger } from '../core/validate.js';
import { readIntegers } from './batch_rows.js';
import { checkSequences, packSequences, readSequences } from './sequences.js';

/** What linear() must not be given beside sequences. */
const NOT_PACKED = ['state', 'lengths', 'starts', 'keyLengths'];

/** The numbers of lengths and starts, one for each of so many rows; null where an option was not given. */
export const readTokens = ({ lengths, starts }, batch) => ({ lengths: readIntegers('lengths', lengths, batch), starts: readIntegers('starts', starts, batch) });

/**
 * What readTokens read, for a call of so many queries and keys: { counts, starts }, Int32Arrays: counts[b] tokens of row b
 * count, from token starts[b] on. null where neither option was given: all count.
 */
export function checkTokens({ lengths, starts }, queries, keys) {
  if (lengths === null && starts === null) return null;
  if (queries !== keys) throw new RangeError(`lengths and starts need as many queries as keys, got ${queries} and ${keys}`);
  const { length: batch } = lengths ?? starts;
  const first = newArray(Int32Array, batch);
  const counts = newArray(Int32Array, batch);
  for (let b = 0; starts !== null && b < batch; b++) first[b] = checkInteger(`starts[${b}]`, starts[b], 0, keys);
  for (let b = 0; b < batch; b++) counts[b] = lengths === null ? keys - first[b] : checkInteger(`lengths[${b}]`, lengths[b], 0, keys - first[b]);
  return { counts, starts: first };
}

/** readTokens for linear(), whose keyLengths are the counts of a call with any number of queries. */
export function readRows(o, batch) {
  const { keyLengths, lengths, starts } = o;
  const sequences = readSequences(o, NOT_PACKED);
  if (keyLengths !== undefined && (lengths ?? starts) !== undefined) {
    throw new RangeError(`keyLengths must not be given beside ${lengths === undefined ? 'starts' : 'lengths'}, which tell as well how many keys count`);
  }
  return { batch, sequences, keyLengths: readKeyLengths(keyLengths, batch), ...readTokens({ lengths, starts }, batch) };
}

/**
 * What readRows read, as checkTokens gives it, of so many sequences `packed` in each row; without starts the first keys count,
 * and queries past them are answered.
 */
export function checkRows(rows, queries, keys) {
  const { batch, sequences, keyLengths } = rows;
  checkSequences(sequences, queries, keys);
  if (sequences !== null) return packSequences(sequences, batch);
  const { counts, starts } = checkTokens(rows, queries, keys) ?? { counts: checkKeyLengths(keyLengths, keys), starts: null };
  return { counts, starts, packed: 1 };
}
