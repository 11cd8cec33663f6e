/** The numbers that a state is made with, given by the caller or read from a saved state. */
import { checkBoolean, checkInteger, checkNonNegative, checkNumber, MAX_DIM, MAX_SIZE } from '../core/validate.js';

export const STATE_OPTIONS = ['batch', 'heads', 'dim', 'valueDim', 'normalize', 'scale', 'eps'];

/**
 * The shape of the exponents that S and z are kept apart from: one a head of scaled maps; one a feature of ratios, whose
 * sums decay may take below float32's range; else null.
 */
export function exponentsShape({ batch, heads, normalize, eps }, isScaledMap, features) {
  if (isScaledMap) return [batch, heads];
  return normalize && Math.fround(eps) === 0 ? [batch, heads, features] : null;
}

export function readStateOptions(o) {
  const batch = checkInteger('batch', o.batch, 1, MAX_SIZE, 1);
  const heads = checkInteger('heads', o.heads, 1, MAX_SIZE);
  const dim = checkInteger('dim', o.dim, 1, MAX_DIM);
  return {
    batch,
    heads,
    dim,
    valueDim: checkInteger('valueDim', o.valueDim, 1, MAX_DIM, dim),
    normalize: checkBoolean('normalize', o.normalize, true),
    scale: checkNumber('scale', o.scale, 1),
    eps: checkNonNegative('eps', o.eps, 1e-6),
  };
}
