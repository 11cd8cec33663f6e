/** How many tokens the rows of a state have seen, and where their next ones stand. */

/** Positions are 31 bits of lengths: those of maps that look at them are whole, and the core divides others by powers of two alone. */
const POSITION_MASK = 2 ** 31 - 1;

/** A row has seen so many tokens, and its next one stands behind them. */
export function placeRow({ core, positions, lengths, start }, row, length) {
  lengths[row] = length;
  core.i32[(positions >>> 2) + row] = (start + length) % (POSITION_MASK + 1);
}

export function setLengths(memory, lengths) {
  for (let b = 0; b < lengths.length; b++) placeRow(memory, b, lengths[b]);
}

/** Counts the tokens of a call: `counts` a row, or `tokens` of every row where it is null. */
export function advance(memory, tokens, counts) {
  const { lengths } = memory;
  for (let b = 0; b < lengths.length; b++) placeRow(memory, b, lengths[b] + (counts === null ? tokens : counts[b]));
}

/** Where the next token of each row stands. */
export const placesOf = ({ lengths, start }) => (start === 0 ? lengths : Array.from(lengths, (length) => start + length));
