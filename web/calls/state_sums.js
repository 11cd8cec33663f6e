/** S and z of a state, which keeps them in a form of the core's own: out through la_state_read, in through la_state_write. */
import { Frame } from '../core/core.js';

/** Floats of S that are read at a time: a copy needs no more of the module's memory. */
const READ_FLOATS = 2 ** 18;

/** Fills the arrays that are given: S [streams, features, valueDim], z [streams, features], exponents [streams], powers as z. */
export function readSums({ core, pointer, streams, streamFloats, features, valueDim }, { S, z, exponents, powers }) {
  const most = Math.max(1, Math.min(streams, Math.floor(READ_FLOATS / (features * valueDim))));
  const frame = new Frame(core);
  try {
    const parts = [[S, features * valueDim], [z, features], [exponents, 1]].map(([array, width]) => ({ array, width, at: frame.alloc(most * width * 4) }));
    const [s, sums, ofStreams] = parts.map(({ at }) => at);
    const ofRows = powers === undefined ? 0 : frame.alloc(most * features * 4);
    if (powers !== undefined) parts.push({ array: powers, width: features, at: ofRows });
    for (let first = 0; first < streams; first += most) {
      const count = Math.min(most, streams - first);
      const state = pointer + first * streamFloats * 4;
      core.run({ call: 'la_state_read', args: { heads: count, features, value_dim: valueDim, state, s, z: sums, exponents: ofStreams, powers: ofRows } });
      for (const { array, width, at } of parts) array?.set(core.floatsAt(at, count * width), first * width);
    }
  } finally {
    frame.release();
  }
}

/** Makes the state S, z, exponents and powers, given by their addresses; those of 0 where there are none. */
export function writeSums({ core, pointer, streams, features, valueDim }, { s, z, exponents = 0, powers = 0 }) {
  core.run({ call: 'la_state_write', args: { heads: streams, features, value_dim: valueDim, state: pointer, s, z, exponents, powers } });
}
