/** The rows of a state's batch: told by their numbers, and picked anew. */
import { wrongValue } from '../core/errors.js';
import { asNumber, elementsOf } from '../core/lists.js';
import { checkInteger } from '../core/validate.js';
import { allocateRows, copyRows } from './state_memory.js';
import { selectWithTransition } from './transition.js';

/** What the core can address, in floats. */
const MOST_FLOATS = 2 ** 30;

/** The numbers of rows in a list that was taken, of `least` to `most` elements: no more are read. */
export function takenRows(given, batch, least, most) {
  const { length, list } = given;
  if (length < least || length > most) throw wrongValue('rows', `an array of ${least} to ${most} integers`, list);
  return elementsOf(given, (row, i) => checkInteger(`rows[${i}]`, asNumber(row), 0, batch - 1));
}

/** Has row i of the state become row rows[i]; as many rows as are told, any of them more than once. */
export function selectRows(state, memory, given) {
  const { core, heads, streamFloats, batch } = memory;
  const rows = takenRows(given, batch, 1, Math.floor(MOST_FLOATS / (heads * streamFloats)));
  selectWithTransition(memory, rows, () => {
    const before = { ...memory };
    allocateRows(state, memory, rows.length);
    copyRows(memory, before, rows);
    core.free(before.pointer);
  });
}
