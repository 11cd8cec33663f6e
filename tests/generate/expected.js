/** What the oracle says of a case: { o, S, z }. */
import * as oracle from '../oracle.js';
import { sliceTime } from '../util.js';
import { expectedSoftmax } from './softmax_options.js';

/** A gate for the oracle, of every token: [batch, its heads, length, 1 or features]. */
function spread(gate, { batch, length }) {
  if (gate === null || gate.shape.length > 1) return gate;
  const heads = gate.data.length;
  return { data: Float64Array.from({ length: batch * heads * length }, (_, i) => gate.data[Math.floor(i / length) % heads]), shape: [batch, heads, length, 1] };
}

const without = (gate) => gate && { data: gate.data, shape: gate.shape.slice(0, 3) };

export function expectedOf(one, { q, k, v, calls, map, ...gates }) {
  const settings = {
    ...(one.scale !== 'default' && { scale: one.scale }),
    ...(one.eps !== 'default' && { eps: one.eps }),
    ...(one.normalize !== 'default' && { normalize: one.normalize === 'yes' }),
    causal: one.causal === 'causal',
  };
  const queriesOf = ({ qFrom, qTo }) => sliceTime(q, qFrom, qTo);
  if (one.map === 'softmax') {
    const { outputs, lengths } = expectedSoftmax(one, { q, k, v }, calls, settings);
    return { o: joinWide(outputs), lengths };
  }
  const [decay, beta] = [gates.decay, gates.beta].map((gate) => spread(gate, one));
  const starts = new Array(one.batch).fill(0);
  let [S, z] = [];
  const outputs = calls.flatMap(partsOf).map((call) => {
    const { from, to, keyLengths } = call;
    const cut = (x) => toFront(sliceTime(x, from, to), call.starts);
    const gate = { ...(decay && { decay: cut(decay) }), ...(beta && { beta: without(cut(beta)) }) };
    const answer = oracle.linear(toFront(queriesOf(call), call.starts), cut(k), cut(v), {
      ...settings, ...gate, featureMap: map.reference([...starts]), initialState: S, initialKeySum: z, keyLengths: keyLengths ?? undefined,
    });
    if (!call.isAlone) {
      for (let b = 0; b < one.batch; b++) starts[b] += keyLengths ? keyLengths[b] : to - from;
      ({ S, z } = answer);
    }
    return call.starts ? fromFront(answer.o, call) : answer.o;
  });
  return { o: joinWide(outputs), S, z, lengths: starts };
}

/** A call, or a call for each of its packed sequences, which know of no other. */
function partsOf(call) {
  const { sequences } = call;
  if (!sequences) return [call];
  return sequences.slice(1).map((to, i) => ({ ...call, from: sequences[i], to, qFrom: sequences[i], qTo: to, isAlone: true }));
}

/** The rows of every batch from its start on, where there are starts; what is behind them is of no account. */
export function toFront({ data, shape }, starts) {
  if (!starts) return { data, shape };
  const [B, H, T, d] = shape;
  const moved = new data.constructor(data.length);
  for (let n = 0; n < B * H; n++) moved.set(data.subarray((n * T + starts[Math.floor(n / H)]) * d, (n + 1) * T * d), n * T * d);
  return { data: moved, shape };
}

/** Results where their rows are, and zeros where there is no token of the row. */
export function fromFront({ data, shape }, { starts, keyLengths }) {
  const [B, H, T, d] = shape;
  const moved = new data.constructor(data.length);
  for (let n = 0; n < B * H; n++) {
    const b = Math.floor(n / H);
    moved.set(data.subarray(n * T * d, (n * T + keyLengths[b]) * d), (n * T + starts[b]) * d);
  }
  return { data: moved, shape };
}

/** Parts along time put together again, in float64. */
function joinWide(parts) {
  const [B, H, , d] = parts[0].shape;
  const T = parts.reduce((sum, { shape }) => sum + shape[2], 0);
  const data = new Float64Array(B * H * T * d);
  let start = 0;
  for (const { data: from, shape: [, , length] } of parts) {
    for (let n = 0; n < B * H; n++) data.set(from.subarray(n * length * d, (n + 1) * length * d), (n * T + start) * d);
    start += length;
  }
  return { data, shape: [B, H, T, d] };
}
