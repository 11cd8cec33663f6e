// Where the ticks of an axis go and what they say; logarithmic axes get round numbers that fit.

/** Powers of two between the ends, thinned to at most `most`. */
function powerOfTwoTicks(least, greatest, most) {
  const first = Math.ceil(Math.log2(least) - 1e-9);
  const last = Math.floor(Math.log2(greatest) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(1, most)));
  const ticks = [];
  for (let exponent = first; exponent <= last; exponent += every) ticks.push(2 ** exponent);
  return ticks;
}

/** Round numbers as dense as fits, down to decades, or fewer still. */
function decimalTicks(least, greatest, most) {
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(greatest));
  const within = (ticks) => ticks.filter((tick) => tick >= least * (1 - 1e-9) && tick <= greatest * (1 + 1e-9));
  for (const factors of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let exponent = first; exponent <= last; exponent++) {
      for (const factor of factors) ticks.push(Number((factor * 10 ** exponent).toPrecision(1)));
    }
    if (within(ticks).length <= most) return within(ticks);
  }
  const every = Math.ceil((last - first + 1) / Math.max(1, most));
  const decades = [];
  for (let exponent = first; exponent <= last; exponent += every) decades.push(10 ** exponent);
  return within(decades);
}

/** uPlot's scale for an axis description { log?: 2 | 10, range?: [least, greatest] }. */
export function scaleOf({ log, range }) {
  const padded = (least, greatest) => {
    if (log) return [least / 1.25, greatest * 1.25];
    return [Math.min(0, least * 1.08), greatest * 1.08];
  };
  const fallback = log ? [0.1, 10] : [0, 1];
  return {
    time: false,
    distr: log ? 3 : 1,
    log: log ?? 10,
    range: (_, least, greatest) => {
      if (range?.()) return range();
      return least === null || !Number.isFinite(least) || !Number.isFinite(greatest) || greatest <= 0 ? fallback : padded(least, greatest);
    },
  };
}

/** Distances between ticks that are round in KiB and MiB. */
export const binarySteps = Array.from({ length: 48 }, (_, exponent) => 2 ** exponent);

/** uPlot's tick positions for an axis description; `also` gives ticks to have in any case, `room` is the least pixels a tick needs. */
export function splitsOf({ log, also }, room) {
  if (!log) return undefined;
  const ticks = log === 2 ? powerOfTwoTicks : decimalTicks;
  return (plot, axis, least, greatest) => {
    const { width, height } = plot.bbox;
    const length = (axis === 0 ? width : height) / devicePixelRatio;
    const own = ticks(least, greatest, Math.max(2, Math.floor(length / room)));
    const more = (also?.() ?? []).filter((value) => !own.includes(value) && value > least && value < greatest);
    // A tick of its own is worth more than a round neighbour.
    const apart = (a, b) => Math.abs(Math.log(a / b)) * length >= room * 0.7 * Math.log(greatest / least);
    return [...own.filter((tick) => more.every((value) => apart(tick, value))), ...more].sort((a, b) => a - b);
  };
}
