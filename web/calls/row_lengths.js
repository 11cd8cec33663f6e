/** Which tokens of a call count, a row of the batch: its options keyLengths, or lengths and starts. */
import { arrayFrom } from '../core/arrays.js';
import { wrongValue } from '../core/errors.js';
import { checkKeyLengths, readKeyLengths } from '../core/given.js';
import { asNumber, elementsOf } from '../core/lists.js';
import { checkInteger } from '../core/validate.js';

function readNumbers(given, batch) {
  if (given === undefined) return null;
  if (given.length !== batch) throw wrongValue(given.name, `an array of ${batch} integers, one per batch`, given.list);
  return elementsOf(given, asNumber);
}

/** The numbers of the options that were given, for a call on so many rows. */
export function readRows({ keyLengths, lengths, starts }, batch) {
  if (keyLengths !== undefined && (lengths ?? starts) !== undefined) {
    throw new RangeError(`keyLengths must not be given beside ${lengths === undefined ? 'starts' : 'lengths'}, which tell as well how many keys count`);
  }
  return { keyLengths: readKeyLengths(keyLengths, batch), lengths: readNumbers(lengths, batch), starts: readNumbers(starts, batch) };
}

/**
 * What readRows read, for a call of so many queries and keys: { counts, starts }, Int32Arrays or null. counts[b] tokens
 * of row b count, from token starts[b] on; without starts the first ones, and queries past them are answered.
 */
export function checkRows({ keyLengths, lengths, starts }, queries, keys) {
  if (lengths === null && starts === null) return { counts: checkKeyLengths(keyLengths, keys), starts: null };
  if (queries !== keys) throw new RangeError(`lengths and starts need as many queries as keys, got ${queries} and ${keys}`);
  const { length: batch } = lengths ?? starts;
  const from = arrayFrom(Int32Array, starts ?? new Array(batch).fill(0), (start, b) => checkInteger(`starts[${b}]`, start, 0, keys));
  const counts = arrayFrom(Int32Array, from, (start, b) => (lengths === null ? keys - start : checkInteger(`lengths[${b}]`, lengths[b], 0, keys - start)));
  return { counts, starts: from };
}
