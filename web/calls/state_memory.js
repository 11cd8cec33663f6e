/** The memory of a state: a block of what the core keeps for each stream, the arguments of its steps, the positions of its rows, its history. */
import { newArray, outOfMemory } from '../core/arrays.js';
import { mapFields } from '../maps/feature_map.js';
import { historyFloats, openHistory } from './history.js';
import { placeRow } from './positions.js';
import { prepareStep, STEP_BYTES } from './step_arguments.js';

/** Floats that the core keeps of one head. */
export const streamFloatsOf = (core, features, valueDim) => core.exports.la_state_floats(features, valueDim) >>> 0;

/** Of what the core keeps. */
const ALIGNMENT = 64;

/** What stays the same however many rows there are: what of a state is in memory, without any memory yet. */
export function describeMemory(core, state) {
  const { heads, dim, valueDim, start, history: historyLimit, featureMap: { features } } = state;
  const streamFloats = streamFloatsOf(core, features, valueDim);
  // More than can be addressed.
  if (streamFloats === 0) throw outOfMemory(8 * features * valueDim, 'WebAssembly');
  return { core, heads, dim, features, valueDim, streamFloats, historyLimit, start, transition: null, pointer: 0 };
}

/** Gives `memory` room for `batch` rows, whose blocks hold anything; what it had before is the caller's to give back. */
export function allocateRows(state, memory, batch) {
  const map = mapFields(state.featureMap);
  const { core, heads, streamFloats } = memory;
  const streams = batch * heads;
  const blockBytes = streams * streamFloats * 4;
  const historyAt = Math.ceil((blockBytes + STEP_BYTES + batch * 4) / ALIGNMENT) * ALIGNMENT;
  const bytes = historyAt + 4 * historyFloats(memory, batch, blockBytes / 4);
  // Tokens that each row has seen: whole numbers, exact to 2^53.
  const lengths = newArray(Float64Array, batch);
  const history = openHistory(memory, batch, blockBytes / 4, historyAt);
  const pointer = core.alloc(bytes);
  Object.assign(memory, {
    pointer, batch, streams, lengths, history,
    length: bytes / 4,
    blockFloats: streams * streamFloats,
    stepArgs: pointer + blockBytes,
    positions: pointer + blockBytes + STEP_BYTES,
  });
  prepareStep(state, map, memory);
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
