// The axis of relative errors of the gap and the features: logarithmic, and cut off where a larger error says nothing more.
import { list, number } from '../format.js';

/** An axis that ends at `highest`. */
export function errorAxis(highest) {
  const isBeyond = (error) => !(error <= highest); // a NaN too
  /** A logarithmic axis has no room for 0. */
  const within = (error) => (isBeyond(error) ? highest : Math.max(error, 1e-7));

  return {
    isBeyond,
    within,
    pointAt: (x, value) => ({ x, y: within(value), value, clipped: isBeyond(value) }),
    /** From `lowest` at most to `top` at least, with a margin around the errors; from `empty` while there are none. */
    range(errors, { empty, margin, lowest = Infinity, top = 0 }) {
      const finite = errors.filter((error) => error > 0 && !isBeyond(error));
      if (finite.length === 0) return [empty, highest];
      return [Math.min(lowest, Math.min(...finite) / margin), errors.some(isBeyond) ? highest : Math.max(top, Math.max(...finite) * margin)];
    },
  };
}

/** Says of whom, and how many, points are beyond the plot. */
export const beyondText = ({ names, points, of, what, worst }) =>
  `↑ Beyond the plot: ${list([...new Set(names)])}, at ${points} of ${of} points; the ${what} there reaches ${number(worst)}.`;
