/** The numbers that a state is made with, given by the caller or read from a saved state. */
import { checkBoolean, checkInteger, checkNonNegative, checkNumber, MAX_DIM, MAX_SIZE, MAX_VALUE_DIM } from '../core/validate.js';

export const STATE_OPTIONS = ['batch', 'heads', 'dim', 'valueDim', 'normalize', 'scale', 'eps'];

export function readStateOptions(o) {
  const batch = checkInteger('batch', o.batch, 1, MAX_SIZE, 1);
  const heads = checkInteger('heads', o.heads, 1, MAX_SIZE);
  const dim = checkInteger('dim', o.dim, 1, MAX_DIM);
  return {
    batch,
    heads,
    dim,
    valueDim: checkInteger('valueDim', o.valueDim, 1, MAX_VALUE_DIM, dim),
    normalize: checkBoolean('normalize', o.normalize, true),
    scale: checkNumber('scale', o.scale, 1),
    eps: checkNonNegative('eps', o.eps, 1e-6),
  };
}
