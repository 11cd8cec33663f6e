/**
 * How close is close enough, why, and the one comparison every test uses.
 *
 * relative: bound on ‖actual − expected‖ / ‖expected‖. worst: bound on every |actual − expected| / max|expected|.
 * No bound grows with the number of tokens: kernels keep what the rounding of a sum leaves over, and it goes on.
 */
export const tolerances = {
  // Scores of a few units are off by a few 6e-8, and exp by up to 5 of them; sums are of blocks, whose remainders go on.
  softmax: { relative: 5e-6, worst: 1e-5 },
  // Sums whose remainders go on: what is left is the rounding of one read and of the map, however many tokens came before.
  linear: { relative: 5e-6, worst: 1e-5 },
  // exp(g) multiplies the rounding already in S at every step.
  gated: { relative: 2e-5, worst: 5e-5 },
  // v − Sᵀk̃ subtracts nearly equal numbers, and the difference is written back.
  delta: { relative: 2e-5, worst: 5e-5 },
  // Sums over all later tokens of products of what was rounded on the way forwards, and, of the delta rule, of differences.
  gradient: { relative: 2e-5, worst: 1e-4 },
  // As of maps of so many dims: exponents that are sums of four times as many products.
  'wide gradient': { relative: 5e-5, worst: 2e-4 },
  // The vectors are other people's float32 results, so their rounding counts as well as ours.
  golden: { relative: 5e-5, worst: 5e-4 },
  // An exponent of a few units, itself a float32 sum of up to 256 products, makes exp wrong by as much as it is.
  features: { relative: 6e-6, worst: 2e-5 },
  // Sums of products of two features.
  'map linear': { relative: 1.2e-5, worst: 4e-5 },
  // Features of up to 1024 products: four times as many roundings, which add up as a random walk.
  'wide map linear': { relative: 2.4e-5, worst: 8e-5 },
  // A query's product with 65,536 features, added one after another.
  'many features': { relative: 1e-4, worst: 2e-4 },
  // An exponent of some hundreds is a float32 number with an error of 1e-5, which exp turns into a relative one.
  exponents: { relative: 2e-4, worst: 1e-3 },
  // Ratios of sums of features.
  weights: { relative: 1e-5, worst: 5e-5 },
  // Two sums of float64 in different orders.
  float64: { relative: 1e-13, worst: 1e-12 },
  // Computed in float16 by the reference: one rounding is 5e-4.
  half: { relative: 2e-3, worst: 1e-2 },
  // Ratios of float64 sums over float32 attention outputs, themselves within 2e-6 of exact.
  'map gap': { relative: 1e-4, worst: 1e-4 },
  gap: { relative: 2e-5, worst: 5e-5 },
};

let tell = () => {};

/** Has every comparison told to `listener`, with the one of its two errors that is the larger part of its bound. */
export function onComparison(listener) {
  tell = listener;
}

/**
 * Throws unless `actual` matches `expected` by the rule. Arrays, typed arrays or { data, shape }; NaN and the
 * infinities of `expected` must be met exactly. The message gives one element, never the arrays. `beside` gives what
 * errors are relative to where it is larger than `expected`: terms of which little is left when they are added up.
 */
export function assertClose(actual, expected, { rule, name = rule, beside } = {}) {
  const bound = tolerances[rule];
  if (!bound) throw new Error(`no tolerance is called ${rule}`);
  const got = elements(actual);
  const want = elements(expected);
  if (got.length !== want.length) fail(`${name}: length ${got.length}, expected ${want.length}`);

  let errorSquared = 0;
  let normSquared = 0;
  let largest = 0;
  let worst = 0;
  let worstAt = 0;
  for (let i = 0; i < want.length; i++) {
    if (!Number.isFinite(got[i]) || !Number.isFinite(want[i])) {
      if (!Object.is(got[i], want[i])) fail(`${name}: element ${place(i, expected)} is ${got[i]}, expected ${want[i]}`);
      continue;
    }
    const error = Math.abs(got[i] - want[i]);
    errorSquared += error * error;
    normSquared += want[i] * want[i];
    largest = Math.max(largest, Math.abs(want[i]));
    if (error > worst) [worst, worstAt] = [error, i];
  }
  if (beside && (errorSquared > bound.relative ** 2 * normSquared || worst > bound.worst * largest)) {
    const terms = elements(beside());
    normSquared = Math.max(normSquared, terms.reduce((sum, x) => sum + x * x, 0));
    largest = terms.reduce((most, x) => Math.max(most, Math.abs(x)), largest);
  }
  const relative = errorSquared === 0 ? 0 : Math.sqrt(errorSquared / normSquared);
  const detail = () => `worst element ${place(worstAt, expected)}: got ${got[worstAt]}, expected ${want[worstAt]}`;
  const whole = { rule, error: relative, bound: bound.relative };
  const element = { rule, error: worst, bound: bound.worst * largest };
  tell(element.error * whole.bound > whole.error * element.bound ? element : whole);
  if (whole.error > whole.bound)
    fail(`${name}: relative L2 error ${relative.toExponential(2)} > ${whole.bound.toExponential(2)}; ${detail()}`);
  if (element.error > element.bound)
    fail(`${name}: element error ${worst.toExponential(2)} > ${element.bound.toExponential(2)}; ${detail()}`);
}

/** Throws unless both hold the same bits (any NaN equals any NaN). */
export function assertSame(actual, expected, name = 'result') {
  const got = elements(actual);
  const want = elements(expected);
  if (got.length !== want.length) fail(`${name}: length ${got.length}, expected ${want.length}`);
  for (let i = 0; i < want.length; i++) {
    if (!Object.is(got[i], want[i]))
      fail(`${name}: element ${place(i, expected)} is ${got[i]}, expected exactly ${want[i]}`);
  }
}

const elements = (x) => (ArrayBuffer.isView(x) || Array.isArray(x) ? x : x.data);

function place(i, { shape = [] }) {
  const index = [];
  for (let rest = i, axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return shape.length > 1 ? `${i} [${index.join(', ')}]` : `${i}`;
}

function fail(message) {
  throw new Error(message);
}
