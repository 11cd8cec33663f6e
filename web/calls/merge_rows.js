/**
 * Sums of states that are normalised without eps: ratios, whose rows the core keeps divided by powers of two of their own,
 * so that decay takes none below float32's range. They are merged row by row, and stay what they were.
 */
import { newFloats } from '../core/arrays.js';
import { isScaled } from '../maps/feature_map.js';

/** Whether a state keeps powers. */
export const isRatio = ({ normalize, eps, featureMap }) => normalize && Math.fround(eps) === 0 && !isScaled(featureMap);

/** Row `at` of S and z, times 2^shift, into others. */
function addRow(to, from, at, width, shift) {
  const factor = 2 ** shift;
  const times = (x) => (x === 0 ? 0 : x * factor);
  to.z[at] += times(from.z[at]);
  for (let c = at * width; c < (at + 1) * width; c++) to.S[c] += times(from.S[c]);
}

function holdsAnything({ S, z }, at, width) {
  if (z[at] !== 0) return true;
  for (let c = at * width; c < (at + 1) * width; c++) if (S[c] !== 0) return true;
  return false;
}

/** { S, z, powers } of both, each { S, z, powers }, after the first has decayed by exp(decays), a number a row of `width`. */
export function addRows(earlier, later, decays, width) {
  const both = { S: newFloats(earlier.S.length), z: newFloats(earlier.z.length), powers: newFloats(earlier.z.length) };
  for (let at = 0; at < decays.length; at++) {
    const parts = [[earlier, earlier.powers[at] + decays[at] / Math.LN2], [later, later.powers[at]]].filter(([sums]) => holdsAnything(sums, at, width));
    const most = parts.reduce((power, [, one]) => Math.max(power, one), -Infinity);
    both.powers[at] = Number.isFinite(most) ? Math.round(most) : 0;
    for (const [sums, power] of parts) addRow(both, sums, at, width, power - both.powers[at]);
  }
  return both;
}
