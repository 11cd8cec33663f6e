/** The memory of a state: a block of what the core keeps for each stream, the arguments of its steps, the positions of its rows. */
import { newArray, outOfMemory } from '../core/arrays.js';
import { mapFields } from '../maps/feature_map.js';
import { prepareStep, STEP_BYTES } from './step_arguments.js';

/** Positions are 31 bits of lengths: those of maps that look at them are whole, and the core divides others by powers of two alone. */
const POSITION_MASK = 2 ** 31 - 1;

/** Floats that the core keeps of one head. */
export const streamFloatsOf = (core, features, valueDim) => core.exports.la_state_floats(features, valueDim) >>> 0;

/** What stays the same however many rows there are: what of a state is in memory, without any memory yet. */
export function describeMemory(core, state) {
  const { heads, valueDim, featureMap: { features } } = state;
  const streamFloats = streamFloatsOf(core, features, valueDim);
  // More than can be addressed.
  if (streamFloats === 0) throw outOfMemory(8 * features * valueDim, 'WebAssembly');
  return { core, heads, features, valueDim, streamFloats, pointer: 0 };
}

/** Gives `memory` room for `batch` rows, whose blocks hold anything; what it had before is the caller's to give back. */
export function allocateRows(state, memory, batch) {
  const map = mapFields(state.featureMap);
  const { core, heads, streamFloats } = memory;
  const streams = batch * heads;
  const blockBytes = streams * streamFloats * 4;
  const bytes = blockBytes + STEP_BYTES + batch * 4;
  // Tokens that each row has seen: whole numbers, exact to 2^53.
  const lengths = newArray(Float64Array, batch);
  const pointer = core.alloc(bytes);
  Object.assign(memory, {
    pointer, batch, streams, lengths,
    length: bytes / 4,
    blockFloats: streams * streamFloats,
    stepArgs: pointer + blockBytes,
    positions: pointer + blockBytes + STEP_BYTES,
  });
  prepareStep(state, map, memory);
}

/** A row has seen so many tokens, and its next one stands behind them. */
function placeRow({ core, positions, lengths }, row, length) {
  lengths[row] = length;
  core.i32[(positions >>> 2) + row] = length % (POSITION_MASK + 1);
}

export function setLengths(memory, lengths) {
  for (let b = 0; b < lengths.length; b++) placeRow(memory, b, lengths[b]);
}

/** Counts the tokens of a call: `counts` a row, or `tokens` of every row where it is null. */
export function advance(memory, tokens, counts) {
  const { lengths } = memory;
  for (let b = 0; b < lengths.length; b++) placeRow(memory, b, lengths[b] + (counts === null ? tokens : counts[b]));
}

/** Makes a row that of a state that has seen nothing: zeros. */
export function clearRow(memory, row) {
  const { core, pointer, heads, streamFloats } = memory;
  const rowFloats = heads * streamFloats;
  core.floatsAt(pointer + row * rowFloats * 4, rowFloats).fill(0);
  placeRow(memory, row, 0);
}

/** Copies the blocks and lengths of a memory's rows `rows` to those of another, whose row i gets row rows[i]. */
export function copyRows(to, from, rows) {
  const { core: { f32 }, heads, streamFloats } = to;
  const rowFloats = heads * streamFloats;
  for (let i = 0; i < rows.length; i++) {
    const source = (from.pointer >>> 2) + rows[i] * rowFloats;
    f32.copyWithin((to.pointer >>> 2) + i * rowFloats, source, source + rowFloats);
    placeRow(to, i, from.lengths[rows[i]]);
  }
}
