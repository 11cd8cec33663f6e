/** `npm run bench -- --accuracy`: the error against the number of tokens, of every form, beside the plain float32 recurrence. */
import { gatePattern, patternOf, tokenAt, tokenKinds, unroll } from '../generate/tokens.js';
import { streamLinear, streamSoftmax } from '../oracle/stream.js';
import { runs, stateOf } from '../suites/long_runs.js';

const WIDTH = 8; // of keys and values, one head
const CLUSTER = 4; // last tokens that are compared at each length
const SHORTEST = 10; // powers of two
const LONGEST_CALL = 20; // of one call; longer streams come in pieces and steps, of the first of the streams alone
const PIECES = [1, 7, 0, 31, 32, 33, 1000, 128]; // 0 is a step

const raw = { featureMap: 'identity', normalize: false };
const positive = (row) => row.map((x) => 0.1 + Math.abs(x));

function unit(row) {
  const norm = Math.hypot(...row);
  return row.map((x) => x / norm);
}

/** What is summed, in the order of the tables; `decay` and `beta` of every token. */
const streams = {
  'linear, elu, normalised': { form: { featureMap: 'elu', normalize: true } },
  'linear, identity': { form: raw, place: positive },
  'decay -1e-6': { form: raw, place: positive, decay: -1e-6 },
  'decay -1e-3': { form: raw, place: positive, decay: -1e-3 },
  'delta, beta 1e-3': { form: raw, place: unit, beta: 1e-3 },
  'gated delta, -1e-3, beta 0.5': { form: raw, place: unit, decay: -1e-3, beta: 0.5 },
};

export const powersTo = (most) => Array.from({ length: Math.floor((most - SHORTEST) / 2) + 1 }, (_, i) => SHORTEST + 2 * i + ((most - SHORTEST) % 2));

/** The last tokens of each length. */
const checkpointsOf = (powers) => powers.flatMap((power) => Array.from({ length: CLUSTER }, (_, i) => 2 ** power - CLUSTER + i));

function streamOf(kind, { form, place, decay, beta }, powers) {
  const pattern = (seed, more) => patternOf(kind, { heads: 1, width: WIDTH, seed, ...more });
  return {
    q: pattern(place === unit ? 2 : 1, { place }),
    k: pattern(2, { place }),
    v: pattern(3),
    ...(decay !== undefined && { decay: gatePattern([[decay]]) }),
    ...(beta !== undefined && { beta: gatePattern([[beta]]) }),
    form,
    length: 2 ** powers.at(-1),
    at: checkpointsOf(powers),
  };
}

/** { relative, worst } at each length: the errors of the last rows, each against all of them. */
function errorsOf(rows, expected, count = CLUSTER) {
  const errors = [];
  for (let i = 0; i < expected.length; i += count) {
    let [square, norm, worst, largest] = [0, 0, 0, 0];
    for (let r = i; r < i + count; r++) {
      expected[r].forEach((want, c) => {
        const error = Math.abs(rows[r][c] - want);
        square += error * error;
        norm += want * want;
        worst = Math.max(worst, Number.isFinite(error) ? error : Infinity);
        largest = Math.max(largest, Math.abs(want));
      });
    }
    errors.push({ relative: Math.sqrt(square / norm), worst: worst / largest });
  }
  return errors;
}

/** The recurrence as introductions write it, every operation rounded to float32: what a sum without a second part comes to. */
export function plainRecurrence({ q, k, v, decay, beta, form: { featureMap, normalize }, at, length }) {
  const map = featureMap === 'elu' ? (x) => (x > 0 ? x + 1 : Math.exp(x)) : (x) => x;
  const rowsOf = ({ data, period, width }, f = (x) => x) => Array.from({ length: period }, (_, r) => Float32Array.from(data.subarray(r * width, (r + 1) * width), f));
  const [queries, keys, values] = [rowsOf(q, map), rowsOf(k, map), rowsOf(v)];
  const keep = decay ? Math.fround(Math.exp(decay.data[0])) : 1;
  const S = new Float32Array(WIDTH * WIDTH);
  const z = new Float32Array(WIDTH);
  const u = new Float32Array(WIDTH);
  const outputs = [];
  for (let t = 0; t < length; t++) {
    const key = keys[t % keys.length];
    u.set(values[t % values.length]);
    if (keep !== 1) {
      for (let i = 0; i < S.length; i++) S[i] *= keep;
      for (let f = 0; f < WIDTH; f++) z[f] *= keep;
    }
    if (beta) {
      for (let f = 0, i = 0; f < WIDTH; f++) for (let c = 0; c < WIDTH; c++, i++) u[c] -= Math.fround(S[i] * key[f]);
      for (let c = 0; c < WIDTH; c++) u[c] *= beta.data[0];
    }
    for (let f = 0, i = 0; f < WIDTH; f++) {
      const x = key[f];
      z[f] += x;
      for (let c = 0; c < WIDTH; c++, i++) S[i] += Math.fround(x * u[c]);
    }
    if (t !== at[outputs.length]) continue;
    const query = queries[t % queries.length];
    const row = new Float32Array(WIDTH);
    let sum = Math.fround(0);
    for (let f = 0, i = 0; f < WIDTH; f++) {
      sum = Math.fround(sum + Math.fround(query[f] * z[f]));
      for (let c = 0; c < WIDTH; c++, i++) row[c] += Math.fround(query[f] * S[i]);
    }
    outputs.push(normalize ? row.map((x) => x / Math.fround(sum + 1e-6)) : row);
  }
  return outputs;
}

const limited = (one, powers, most) => {
  const kept = powers.filter((power) => power <= most);
  return { ...one, length: 2 ** kept.at(-1), at: checkpointsOf(kept) };
};

/** Rows [token] of the first head by how the stream was run; a form that stops early gives fewer. */
const linearForms = {
  'plain float32': (_, one) => plainRecurrence(one),
  whole: (attention, one, powers) => runs.whole(attention, limited(one, powers, LONGEST_CALL)).o[0],
  pieces: (attention, one) => withState(attention, one, (state) => runs.pieces(attention, one, state, PIECES).o[0]),
  steps: (attention, one) => withState(attention, one, (state) => runs.steps(attention, one, state).o[0]),
};

function withState(attention, one, body) {
  const state = stateOf(attention, one);
  try {
    return body(state);
  } finally {
    state.dispose();
  }
}

/** Full attention at each length: the last token alone, whose result is the causal one. */
const fullRows = (attention, one, powers) => powers.flatMap((power) => runs.full(attention, { ...one, length: 2 ** power, at: [2 ** power - 1] }).full[0]);
const isLast = (_, i) => i % CLUSTER === CLUSTER - 1;

const queriesOf = ({ q }, power) => {
  const data = new Float32Array(CLUSTER * WIDTH);
  checkpointsOf([power]).forEach((t, i) => data.set(tokenAt(q, t).data, i * WIDTH));
  return { data, shape: [1, 1, CLUSTER, WIDTH] };
};
const split = ({ data }) => Array.from({ length: CLUSTER }, (_, i) => data.slice(i * WIDTH, (i + 1) * WIDTH));

/** A few queries over all keys: in one call, and from a cache that grew to that length. */
const softmaxForms = {
  'few queries': (attention, one, powers) => powers.flatMap((power) => split(attention.softmax(queriesOf(one, power), unroll(one.k, 0, 2 ** power), unroll(one.v, 0, 2 ** power)))),
  cache(attention, one, powers) {
    const cache = attention.cache({ heads: 1, dim: WIDTH, maxLength: 2 ** powers.at(-1) });
    try {
      let from = 0;
      return powers.flatMap((power) => {
        const rows = split(attention.softmax(queriesOf(one, power), unroll(one.k, from, 2 ** power), unroll(one.v, from, 2 ** power), { cache }));
        from = 2 ** power;
        return rows;
      });
    } finally {
      cache.dispose();
    }
  },
};

/** A table's oracle, asked once and only where a row is run. */
function once(compute) {
  let known;
  return () => (known ??= compute());
}

function linearRows(attention, kind, settings, powers) {
  const one = streamOf(kind, settings, powers);
  const short = powers.filter((power) => power <= LONGEST_CALL);
  const expected = once(() => streamLinear(one, { ...one.form, length: one.length, at: one.at }).o[0]);
  const rows = Object.entries(linearForms).map(([form, run]) => ({
    form,
    run() {
      const outputs = run(attention, one, powers);
      return errorsOf(outputs, expected().slice(0, outputs.length));
    },
  }));
  if (one.decay || one.beta) return rows;
  return [...rows, { form: 'full', run: () => errorsOf(fullRows(attention, one, short), expected().filter(isLast).slice(0, short.length), 1) }];
}

function softmaxRows(attention, kind, powers) {
  const one = streamOf(kind, streams['linear, identity'], powers);
  const expected = once(() => powers.flatMap((power) => streamSoftmax(one, { length: 2 ** power, at: checkpointsOf([power]) })[0]));
  return Object.entries(softmaxForms).map(([form, run]) => ({ form, run: () => errorsOf(run(attention, one, powers), expected()) }));
}

/** Tables by their titles: rows { name, form, powers, run() → [{ relative, worst }] }, a table a stream and kind of token. */
export function accuracyCases(attention, most) {
  const powers = powersTo(most);
  const short = powersTo(Math.min(most, LONGEST_CALL));
  const groups = {};
  const add = (title, rows, columns) => (groups[title] = rows.map((row) => ({ name: `${title}, ${row.form}`, powers: columns, ...row })));
  for (const kind of Object.keys(tokenKinds)) {
    Object.entries(streams).forEach(([name, settings], i) => add(`${name}: ${kind}`, linearRows(attention, kind, settings, i === 0 ? powers : short), i === 0 ? powers : short));
    add(`softmax: ${kind}`, softmaxRows(attention, kind, short), short);
  }
  return groups;
}

/** Runs the rows and prints each as it comes: the largest error of an element, over the largest of its rows. */
export function measureAccuracy(groups, print) {
  print(`worst element / largest, of the last ${CLUSTER} tokens of T; key and value ${WIDTH}, one head`);
  const tables = Object.entries(groups).filter(([, rows]) => rows.length > 0);
  return tables.map(([title, rows]) => {
    const [{ powers }] = rows;
    print(`\n${title.padEnd(44)}${powers.map((power) => `2^${power}`.padStart(9)).join('')}`);
    const measured = rows.map(({ form, run }) => {
      const errors = run();
      print(`  ${form.padEnd(42)}${errors.map(({ worst }) => worst.toExponential(1).padStart(9)).join('')}`);
      return { form, errors };
    });
    return { title, powers, rows: measured };
  });
}
