/** The numbers that a cache is made with, given by the caller or read from a saved cache. */
import { checkInteger, MAX_DIM, MAX_SIZE, MAX_VALUE_DIM } from '../core/validate.js';

export const CACHE_OPTIONS = ['batch', 'heads', 'dim', 'valueDim', 'maxLength', 'window', 'sinks'];

/** With a window any number of tokens may come. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

export function readCacheOptions(o) {
  const batch = checkInteger('batch', o.batch, 1, MAX_SIZE, 1);
  const heads = checkInteger('heads', o.heads, 1, MAX_SIZE);
  const dim = checkInteger('dim', o.dim, 1, MAX_DIM);
  const valueDim = checkInteger('valueDim', o.valueDim, 1, MAX_VALUE_DIM, dim);
  const window = o.window === undefined || o.window === null ? null : checkInteger('window', o.window, 1, MAX_SIZE);
  const sinks = checkInteger('sinks', o.sinks, 0, MAX_SIZE, 0);
  if (sinks > 0 && window === null) throw new RangeError(`sinks needs window: a cache without one keeps every token, got ${sinks}`);
  const maxLength = window === null ? checkInteger('maxLength', o.maxLength, 1, MAX_SIZE) : checkInteger('maxLength', o.maxLength, 1, UNLIMITED, UNLIMITED);
  return { batch, heads, dim, valueDim, maxLength, window, sinks };
}

/** Tokens beyond its window that a cache keeps, which can be taken back; room for twice as many lets the others stay where they are. */
export const slackOf = (window) => Math.max(64, Math.ceil(window / 4));

/** Tokens that a row has room for. */
export const slotsOf = ({ maxLength, window, sinks }) => (window === null ? maxLength : Math.min(maxLength, sinks + window + 2 * slackOf(window)));
