/** Lists of the caller's with an integer for each row of a batch, or with rows of one. */
import { wrongValue } from '../core/errors.js';
import { asNumber, elementsOf, takeList } from '../core/lists.js';
import { checkInteger } from '../core/validate.js';

/** The integers of a list that was taken as `name` and has one for each row; null where none was given. */
export function readIntegers(name, given, batch) {
  if (given === undefined) return null;
  if (given.length !== batch) throw wrongValue(name, `an array of ${batch} integers, one per batch`, given.list);
  return elementsOf(given, asNumber);
}

/** Rows of a batch; with `count`, so many of them. */
export function readRows(rows, batch, count) {
  const given = takeList('rows', rows, 'an array of integers');
  if (count === undefined ? given.length > batch : given.length !== count) {
    throw wrongValue('rows', count === undefined ? `an array of at most ${batch} integers` : `an array of ${count} integers, a row for each`, rows);
  }
  return elementsOf(given, asNumber).map((row, i) => checkInteger(`rows[${i}]`, row, 0, batch - 1));
}
