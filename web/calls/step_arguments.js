/** The argument struct of a state's steps, which lies in the state's memory: all that does not change from token to token. */
import { ARGUMENTS, fieldsIn, writeStruct } from '../core/structs.js';

export const STEP_BYTES = 4 * fieldsIn(ARGUMENTS.la_linear);

/** Writes it, but for what each token brings. `map`: the fields of the state's map. */
export function prepareStep({ dim, valueDim, normalize, scale, eps }, map, { core, batch, pointer, positions, stepArgs }) {
  writeStruct(core, stepArgs >>> 2, ARGUMENTS.la_linear, {
    batch, n_q: 1, n_k: 1, dim, value_dim: valueDim, causal: 1, normalize: normalize ? 1 : 0, scale, eps, map, positions, state: pointer,
  });
}
