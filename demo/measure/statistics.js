// From repeated timings to the numbers that a figure states: medians, exponents, the crossover.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** [from, 2·from, 4·from, …] up to and including `to`. */
export function powersOfTwo(from, to) {
  const lengths = [];
  for (let length = from; length <= to; length *= 2) lengths.push(length);
  return lengths;
}

/** The longer half of the points, at least three: where the leading power of T dominates. */
export function asymptoticHalf(points) {
  const sorted = [...points].sort((a, b) => a.length - b.length);
  return sorted.slice(-Math.max(3, Math.ceil(sorted.length / 2)));
}

/** Sequences this long show the leading power of T. */
const LONG = 256;

/** All long points, or the longer half where these are fewer than three. */
export function longPoints(points) {
  const long = points.filter(({ length }) => length >= LONG).sort((a, b) => a.length - b.length);
  return long.length >= 3 ? long : asymptoticHalf(points);
}

/** Least squares y ≈ at + slope · x. */
export function fitLine(points) {
  const [xMean, yMean] = [mean(points.map(({ x }) => x)), mean(points.map(({ y }) => y))];
  const slope = mean(points.map(({ x, y }) => (x - xMean) * (y - yMean))) / mean(points.map(({ x }) => (x - xMean) ** 2));
  return { at: yMean - slope * xMean, slope };
}

/**
 * Least squares on log–log: ms ≈ factor · length^exponent, over the asymptotic half unless `fitted` says which points.
 * @returns {{ exponent: number, factor: number, from: number, to: number, points: number } | null} null below 3 points
 */
export function fitPowerLaw(points, fitted = asymptoticHalf(points)) {
  if (fitted.length < 3) return null;
  const xs = fitted.map((point) => Math.log(point.length));
  const ys = fitted.map((point) => Math.log(point.ms));
  const xMean = mean(xs);
  const yMean = mean(ys);
  const covariance = mean(xs.map((x, i) => (x - xMean) * (ys[i] - yMean)));
  const variance = mean(xs.map((x) => (x - xMean) ** 2));
  const exponent = covariance / variance;
  return {
    exponent,
    factor: Math.exp(yMean - exponent * xMean),
    from: fitted[0].length,
    to: fitted.at(-1).length,
    points: fitted.length,
  };
}

/**
 * The length from which linear attention stays faster, interpolated on log–log between measured lengths.
 * @returns {{ kind: 'crossed', length: number } | { kind: 'always' | 'never', length: number } | null}
 *   'always': linear is faster at every length, `length` the shortest; 'never': not faster at `length`,
 *   the longest; null: nothing measured for both
 */
export function crossover(softmax, linear) {
  const linearAt = new Map(linear.map((point) => [point.length, point.ms]));
  const ratios = softmax
    .filter((point) => linearAt.has(point.length))
    .map((point) => ({ length: point.length, lead: Math.log(point.ms / linearAt.get(point.length)) }))
    .sort((a, b) => a.length - b.length);
  if (ratios.length === 0) return null;
  const last = ratios.findLastIndex((ratio) => ratio.lead <= 0);
  if (last === -1) return { kind: 'always', length: ratios[0].length };
  if (last === ratios.length - 1) return { kind: 'never', length: ratios[last].length };
  const [before, after] = [ratios[last], ratios[last + 1]];
  const share = -before.lead / (after.lead - before.lead);
  return { kind: 'crossed', length: before.length * (after.length / before.length) ** share };
}

/** The smallest step of a clock in ms, as seen: browsers coarsen theirs. */
export function clockResolution(now = () => performance.now()) {
  let finest = Infinity;
  for (let seen = 0; seen < 5; seen++) {
    const start = now();
    let next = start;
    while (next === start) next = now();
    finest = Math.min(finest, next - start);
  }
  return finest;
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
