// How many pairs a memory of fixed size can hold: random keys and values are stored, then read back.
import { epsOf, makeMap, withMap } from './maps.js';
import { normalStream } from './random.js';
import { mean, powersOfTwo } from './statistics.js';

/** What is stored in, by name. The first three are the identity with a rule; the others sum features, and divide. */
export const memories = ['sum', 'decay', 'delta', 'elu', 'dpfp', 'taylor', 'favor', 'softmax'];
export const seeds = 3;
/** Draws of the second view, where each point is a share of few pairs. */
const AGE_SEEDS = 8;
const AGES = 8;
export const pairCounts = powersOfTwo(4, 512);
/** Percent of the writes that go to keys which were written before. */
export const shares = [0, 25, 50];
/** What a point says: the share whose own value is the nearest, and how far off it is. */
export const quantities = ['recalled', 'error'];

const rules = ['sum', 'decay', 'delta'];

/**
 * Writes in their order: keys of length 1, values of length 1. The last share of them goes to keys that were written before.
 * @returns {{ keys, values: number[][], slots: number[], latest: Map<number, number> }} a key's slot, and the latest write to each
 */
function drawWrites({ dim, pairs, overwritten, seed }) {
  const unit = (stream) => {
    const next = normalStream(seed, stream);
    return () => {
      const row = Array.from({ length: dim }, next);
      const length = Math.hypot(...row);
      return row.map((value) => value / length);
    };
  };
  const [nextKey, nextValue, pick] = [unit(0), unit(1), normalStream(seed, 2)];
  const fresh = Math.max(1, pairs - Math.round((overwritten / 100) * pairs));
  const distinct = Array.from({ length: fresh }, nextKey);
  // Any order of old keys will do: by a draw for each, so that none comes three times before all came twice.
  const order = distinct.map((_, i) => [pick(), i]).sort(([a], [b]) => a - b);
  const slots = Array.from({ length: pairs }, (_, write) => (write < fresh ? write : order[(write - fresh) % fresh][1]));
  const latest = new Map(slots.map((slot, write) => [slot, write]));
  return { keys: slots.map((slot) => distinct[slot]), values: slots.map(nextValue), slots, latest };
}

/** Answers [pairs][dim] under the key of every write, after all of them. */
function readAll(attention, memory, { keys, values }, { dim, features, decay, seed }) {
  const pairs = keys.length;
  const tensor = (rows, factor) => ({ data: Float32Array.from(rows.flat(), (value) => factor * value), shape: [pairs, dim] });
  const v = tensor(values, 1);
  if (rules.includes(memory)) {
    const k = tensor(keys, 1);
    const state = attention.state({ heads: 1, dim, featureMap: 'identity', normalize: false });
    try {
      attention.linear(k, k, v, { state, causal: true, ...(memory === 'decay' && { decay: Math.log(decay) }), ...(memory === 'delta' && { beta: 1 }) });
      const S = state.data;
      return { features: dim, answers: keys.map((key) => Array.from({ length: dim }, (_, column) => key.reduce((sum, value, i) => sum + value * S[i * dim + column], 0))) };
    } finally {
      state.dispose();
    }
  }
  const k = tensor(keys, Math.sqrt(dim)); // numbers of deviation 1, as a model has them: scores are divided by √d
  const rowsOf = ({ data }) => keys.map((_, i) => [...data.subarray(i * dim, (i + 1) * dim)]);
  if (memory === 'softmax') return { features: '', answers: rowsOf(attention.softmax(k, k, v)) };
  const made = makeMap(attention, memory, { dim, features, seed });
  return withMap(made, (featureMap) => ({ features: featureMap.features, answers: rowsOf(attention.linear(k, k, v, { featureMap, ...epsOf(memory) })) }));
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** One draw: for the latest write to every key, whether its value is the nearest of all stored ones, how far off, how old. */
function recallOnce(attention, { memory, pairs, overwritten, ...options }) {
  const writes = drawWrites({ ...options, pairs, overwritten });
  const { features, answers } = readAll(attention, memory, writes, options);
  const rows = [...writes.latest.values()].map((write) => {
    const answer = answers[write];
    const own = dot(answer, writes.values[write]);
    const nearest = writes.values.every((value, other) => other === write || dot(answer, value) < own);
    return { nearest, square: dot(answer, answer) - 2 * own + 1, age: pairs - 1 - write };
  });
  return { features, rows };
}

/** A point of the first view, over its draws: shares recalled, and errors ‖answer − value‖ / ‖value‖. */
export function measureRecall(attention, { seed, ...options }) {
  const draws = Array.from({ length: seeds }, (_, i) => recallOnce(attention, { ...options, seed: seed * seeds + i }));
  const recalled = draws.map(({ rows }) => mean(rows.map((row) => Number(row.nearest))));
  const errors = draws.map(({ rows }) => Math.sqrt(mean(rows.map((row) => row.square))));
  return {
    along: 'pairs',
    memory: options.memory,
    pairs: options.pairs,
    features: draws[0].features,
    recalled: mean(recalled),
    least: Math.min(...recalled),
    most: Math.max(...recalled),
    error: mean(errors),
  };
}

/** The second view of one memory: shares recalled by how many pairs were written since. */
export function measureAges(attention, { seed, ...options }) {
  const all = Array.from({ length: AGE_SEEDS }, (_, i) => recallOnce(attention, { ...options, seed: seed * AGE_SEEDS + i })).flatMap(({ rows }) => rows);
  const width = options.pairs / AGES;
  return Array.from({ length: AGES }, (_, bucket) => {
    const own = all.filter((row) => Math.floor(row.age / width) === bucket);
    return { along: 'age', memory: options.memory, pairs: options.pairs, features: '', age: (bucket + 0.5) * width, recalled: own.length ? mean(own.map((row) => Number(row.nearest))) : null, error: own.length ? Math.sqrt(mean(own.map((row) => row.square))) : null };
  }).filter((row) => row.recalled !== null);
}

/**
 * All memories along growing numbers of pairs, then along the age of a pair at one number.
 * @param measure measureRecall, `ages` measureAges, or promises of them from another thread
 * @yields {{ rows: object[], done: number, total: number }}
 */
export async function* sweepRecall({ measure, ages }, { chosen, pairs, signal, ...options }) {
  const total = chosen.length * (pairCounts.length + 1);
  const rows = [];
  let done = 0;
  for (const count of pairCounts) {
    for (const memory of chosen) {
      if (signal?.aborted) return;
      rows.push(await measure({ ...options, memory, pairs: count }));
      yield { rows, done: ++done, total };
    }
  }
  for (const memory of chosen) {
    if (signal?.aborted) return;
    rows.push(...(await ages({ ...options, memory, pairs })));
    yield { rows, done: ++done, total };
  }
}
