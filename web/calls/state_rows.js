/** The rows of a state's batch: told by their numbers, and picked anew. */
import { wrongValue } from '../core/errors.js';
import { asNumber, elementsOf } from '../core/lists.js';
import { checkInteger } from '../core/validate.js';
import { allocateRows, copyRows } from './state_memory.js';
import { selectWithTransition } from './transition.js';

/** What the core can address, in floats. */
const MOST_FLOATS = 2 ** 30;

/** The elements of a list that was taken, of `least` to `most` of them: no more are read. To read them may run code of the caller's. */
export function readRowList(given, least, most) {
  const { length, list } = given;
  if (length < least || length > most) throw wrongValue('rows', `an array of ${least} to ${most} integers`, list);
  return elementsOf(given, asNumber);
}

/** What readRowList read, as rows of a batch. */
export const checkRowList = (rows, batch) => rows.map((row, i) => checkInteger(`rows[${i}]`, row, 0, batch - 1));

/** How many rows select() may be told. */
export const mostRows = ({ heads, streamFloats }) => Math.floor(MOST_FLOATS / (heads * streamFloats));

/** Has row i of the state become row rows[i]; as many rows as are told, any of them more than once. */
export function selectRows(state, memory, rows) {
  const { core } = memory;
  selectWithTransition(memory, rows, () => {
    const before = { ...memory };
    allocateRows(state, memory, rows.length);
    copyRows(memory, before, rows);
    core.free(before.pointer);
  });
}
