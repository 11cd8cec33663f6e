/** What cases of softmax have beside the others: masks, biases, ragged rows and parts, and what the oracle says of them. */
import * as oracle from '../oracle.js';
import { sliceTime, tensorOf } from '../util.js';
import { headsOf } from './axes.js';

/** Where a query looks from, by the case's mask and seed; of a windowed cache, what it is made with. */
export function viewOf({ mask, seed, length }) {
  const window = [1, 3, 17, 40][seed % 4];
  return {
    none: {}, offset: { causalOffset: 1 + (seed % (length + 3)) }, 'offset back': { causalOffset: -1 - (seed % 5) },
    window: { window }, 'window and sinks': { window, sinks: 2 }, 'windowed cache': { window, sinks: seed % 3 },
  }[mask];
}

/** Every call with the rows and tokens that count, and a bias over all keys that it may see. */
export function drawSoftmax(one, calls, uniform, normal) {
  if (one.map !== 'softmax') return calls;
  const below = (most) => Math.floor(uniform() * (most + 1));
  const held = new Array(one.batch).fill(0);
  return calls.map((call) => {
    const count = call.to - call.from;
    const drawn = { ...call };
    if (['starts', 'both'].includes(one.ragged)) drawn.starts = held.map(() => below(count));
    if (['lengths', 'both'].includes(one.ragged)) drawn.lengths = held.map((_, b) => below(count - (drawn.starts?.[b] ?? 0)));
    if (one.ragged === 'sequences') drawn.sequences = [0, ...[below(count), below(count)].sort((a, b) => a - b), count];
    held.forEach((length, b) => (held[b] = length + (drawn.lengths?.[b] ?? count - (drawn.starts?.[b] ?? 0))));
    const keys = one.split === 'whole' ? count : Math.max(...held);
    if (call.keyLengths && one.split !== 'whole') drawn.keyLengths = call.keyLengths.map((length) => Math.min(length, keys));
    if (['a head', 'shared', 'hiding'].includes(one.bias)) {
      drawn.bias = tensorOf([one.bias === 'shared' ? 1 : headsOf(one).q, call.qTo - call.qFrom, keys], () => (one.bias === 'hiding' && uniform() < 0.4 ? -Infinity : normal()));
    }
    if (one.bias === 'slopes') drawn.bias = Array.from({ length: headsOf(one).q }, (_, h) => 2 ** -(h + 1));
    return drawn;
  });
}

/** The options of a call; `handIn` brings a tensor into the form of the case. */
export async function optionsOf(one, { lengths, starts, sequences, bias }, handIn) {
  return {
    ...(one.mask !== 'windowed cache' && viewOf(one)), ...(one.softcap !== 'none' && { softcap: one.softcap }),
    ...(lengths && { lengths }), ...(starts && { starts }), ...(sequences && { sequences }),
    ...(bias && { bias: Array.isArray(bias) || one.part === 'merged' ? bias : await handIn(bias) }),
  };
}

/** Rows first … end − 1 and columns left … right − 1 of a bias. */
function cutBias(bias, first, end, left, right) {
  if (!bias || Array.isArray(bias)) return bias;
  const [heads, queries, keys] = bias.shape;
  return tensorOf([heads, end - first, right - left], (n) => {
    const [j, i, h] = [n % (right - left), Math.floor(n / (right - left)) % (end - first), Math.floor(n / (right - left) / (end - first))];
    return bias.data[(h * queries + first + i) * keys + left + j];
  });
}

/** Tokens first … end − 1 of an array as a case lays it out. */
async function cutTokens({ layout, rank, batch }, x, first, end) {
  const [data, shape] = [await x.data, Array.from(x.shape ?? x.dims)];
  const [heads, length, width] = rank === 2 ? [1, ...shape] : layout === 'bhtd' ? shape.slice(-3) : [shape.at(-2), shape.at(-3), shape.at(-1)];
  const cut = layout === 'bthd' && rank > 2 ? sliceTime({ data, shape: [batch, 1, length, heads * width] }, first, end) : sliceTime({ data, shape: [batch, heads, length, width] }, first, end);
  const sizes = { 2: [end - first, width], 3: layout === 'bhtd' ? [heads, end - first, width] : [end - first, heads, width], 4: layout === 'bhtd' ? [batch, heads, end - first, width] : [batch, end - first, heads, width] };
  return { data: cut.data, shape: sizes[rank] };
}

/** Asks for the result: of softmax itself, of a part, or of two parts that are merged. */
export async function askSoftmax(one, attention, q, k, v, options) {
  if (one.part === 'no') return attention.softmax(q, k, v, options);
  if (one.part === 'yes') return (await attention.softmaxPart(q, k, v, options)).output;
  const cut = one.seed % (one.length + 1);
  const queries = options.bias?.shape?.[1];
  const partOf = async (first, end) => attention.softmaxPart(q, await cutTokens(one, k, first, end), await cutTokens(one, v, first, end), {
    ...options, causalOffset: (options.causalOffset ?? 0) - first, bias: cutBias(options.bias, 0, queries, first, end),
  });
  const parts = [await partOf(0, cut), await partOf(cut, one.length)];
  return (await attention.mergeSoftmax(...(one.seed % 2 ? parts : parts.reverse()))).output;
}

const rowOf = ({ data, shape: [B, H, T, d] }, b) => ({ data: data.subarray((b * data.length) / B, ((b + 1) * data.length) / B), shape: [1, H, T, d] });

function joinKeys(a, b) {
  if (a === null) return b;
  const [, H, T, d] = a.shape;
  const more = b.shape[2];
  const data = new Float32Array(H * (T + more) * d);
  for (let h = 0; h < H; h++) {
    data.set(a.data.subarray(h * T * d, (h + 1) * T * d), h * (T + more) * d);
    data.set(b.data.subarray(h * more * d, (h + 1) * more * d), (h * (T + more) + T) * d);
  }
  return { data, shape: [1, H, T + more, d] };
}

/** One row at a time, each over the tokens that count: { outputs, lengths } of all calls. */
export function expectedSoftmax(one, { q, k, v }, calls, settings) {
  const shared = { ...settings, ...viewOf(one), ...(one.softcap !== 'none' && { softcap: one.softcap }) };
  const held = Array.from({ length: one.batch }, () => ({ keys: null, values: null, length: 0 }));
  const outputs = calls.map((call) => {
    const [queries, keys, values] = [sliceTime(q, call.qFrom, call.qTo), sliceTime(k, call.from, call.to), sliceTime(v, call.from, call.to)];
    const [B, H, Tq] = queries.shape;
    const dv = values.shape[3];
    const data = new Float64Array(B * H * Tq * dv);
    held.forEach((row, b) => {
      const isRagged = call.lengths || call.starts;
      const start = call.starts?.[b] ?? 0;
      const end = call.lengths ? start + call.lengths[b] : keys.shape[2];
      const before = row.length;
      row.keys = joinKeys(row.keys, sliceTime(rowOf(keys, b), start, end));
      row.values = joinKeys(row.values, sliceTime(rowOf(values, b), start, end));
      row.length += end - start;
      const [first, last] = isRagged ? [start, end] : [0, Tq];
      const left = one.split === 'whole' ? start : 0;
      const answer = oracle.softmax(sliceTime(rowOf(queries, b), first, last), row.keys, row.values, {
        ...shared, before, sequences: call.sequences,
        keyLengths: call.keyLengths ? [Math.max(0, Math.min(row.length, call.keyLengths[b] - left))] : undefined,
        bias: cutBias(call.bias, first, last, left, left + row.length),
      });
      for (let h = 0; h < H; h++) data.set(answer.data.subarray(h * (last - first) * dv, (h + 1) * (last - first) * dv), ((b * H + h) * Tq + first) * dv);
    });
    return { data, shape: [B, H, Tq, dv] };
  });
  return { outputs, lengths: held.map(({ length }) => length) };
}
