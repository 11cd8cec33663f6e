/** `npm run bench -- --growth`: how time grows with T, and from which T on linear attention is faster than softmax. */
import { crossover, fitPowerLaw, powersOfTwo } from '../../demo/measure/statistics.js';
import { timeBench } from '../../demo/measure/time.js';
import { median } from './measure.js';

const DIMS = [32, 64, 128];
const FITTED = { shortest: 1024, dim: 64 };
const SHORTEST = 8; // softmax is still faster there
const SAMPLE_MS = 20;
const ROUNDS = 5;
const DOUBLED = { softmax: 4, linear: 2 };
const kinds = Object.keys(DOUBLED);

/** What the exponents are by the formulas. */
const EXPONENTS = { softmax: 2, linear: 1 };

/** { softmax: [{ length, ms }], linear }: interleaved rounds at every length; a kind stops before a call would exceed `longestMs`. */
function timesOf(attention, { dim, heads, causal, lengths, longestMs }) {
  const bench = timeBench(attention, { dim, heads, causal, featureMap: 'elu' });
  for (const kind of kinds) bench.warmUp(kind);
  const points = Object.fromEntries(kinds.map((kind) => [kind, []]));
  for (const length of lengths) {
    const racing = kinds.filter((kind) => (points[kind].at(-1)?.ms ?? 0) * DOUBLED[kind] <= longestMs);
    const samples = racing.map((kind) => {
      const first = bench.time({ kind, length, calls: 1 });
      return { kind, calls: Math.max(1, Math.round(SAMPLE_MS / first)), times: [] };
    });
    for (let round = 0; round < ROUNDS; round++) for (const { kind, calls, times } of samples) times.push(bench.time({ kind, length, calls }));
    for (const { kind, times } of samples) points[kind].push({ length, ms: median(times) });
  }
  bench.dispose();
  return points;
}

/** The exponent over every point, beside that of the formulas. */
export function fitOf(kind, points) {
  return { kind, exponent: fitPowerLaw(points, points)?.exponent ?? null, from: points[0].length, to: points.at(-1).length, expected: EXPONENTS[kind] };
}

export function measureGrowth(attention, { heads, longest, longestMs }) {
  const lengths = powersOfTwo(FITTED.shortest, longest);
  const growth = [true, false].map((causal) => {
    const points = timesOf(attention, { dim: FITTED.dim, heads: 1, causal, lengths, longestMs });
    return { causal, dim: FITTED.dim, points, fits: kinds.map((kind) => fitOf(kind, points[kind])) };
  });
  const crossovers = DIMS.map((dim) => {
    const found = [true, false].map((causal) => {
      const points = timesOf(attention, { dim, heads, causal, lengths: powersOfTwo(SHORTEST, FITTED.shortest), longestMs });
      return crossover(points.softmax, points.linear);
    });
    return { dim, causal: found[0], full: found[1] };
  });
  return { growth, crossovers };
}

/** A crossover in words. */
export function crossoverText({ kind, length }) {
  if (kind === 'always') return `below ${length}`;
  if (kind === 'never') return `above ${length}`;
  return String(Math.round(length));
}

export function growthText({ growth, crossovers }) {
  const fits = growth.flatMap(({ causal, fits: list }) =>
    list.map(({ kind, exponent, from, to, expected }) => `time ∝ T^${exponent?.toFixed(3) ?? '?'}  ${causal ? 'causal' : 'full'} ${kind}, T ${from} … ${to} (by the formula ${expected})`),
  );
  const faster = crossovers.map(({ dim, causal, full }) => `dim ${dim}: linear is faster than softmax from T = ${crossoverText(causal)} causal, ${crossoverText(full)} full`);
  return [...fits, ...faster].join('\n');
}
