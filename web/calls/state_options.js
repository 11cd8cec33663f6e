/** The numbers that a state is made with, given by the caller or read from a saved state. */
import { sameMap } from '../maps/feature_map.js';
import { checkBoolean, checkInteger, checkNonNegative, checkNumber, MAX_DIM, MAX_SIZE, MAX_VALUE_DIM } from '../core/validate.js';

/** Those that are saved, and that states must have alike to go together. */
export const STATE_OPTIONS = ['batch', 'heads', 'dim', 'valueDim', 'normalize', 'scale', 'eps'];

/** What a state keeps beside its content. */
export const KEEPING_OPTIONS = ['history', 'transition', 'start'];

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
    history: checkInteger('history', o.history, 0, MAX_SIZE, 0),
    transition: checkBoolean('transition', o.transition, false),
    start: checkInteger('start', o.start, 0, Number.MAX_SAFE_INTEGER, 0),
  };
}

/** Refuses another state, given as `name`, that is not for the same vectors, or does not make the same of them. */
export function requireAlike(state, name, other) {
  for (let i = 0; i < STATE_OPTIONS.length; i++) {
    const setting = STATE_OPTIONS[i];
    if (other[setting] !== state[setting]) throw new RangeError(`${name} must have ${setting} ${state[setting]}, as this state has, got ${other[setting]}`);
  }
  if (!sameMap(state.featureMap, other.featureMap)) throw new RangeError(`${name} must have the feature map of this state, '${state.featureMap.name}', got ${state.featureMap.name === other.featureMap.name ? 'another ' : ''}'${other.featureMap.name}'`);
}
