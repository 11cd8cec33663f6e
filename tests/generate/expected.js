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

const part = (gate, { from, to }) => gate && sliceTime(gate, from, to);
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
  const outputs = calls.map((call) => {
    const { from, to, keyLengths } = call;
    const gate = { ...(decay && { decay: part(decay, call) }), ...(beta && { beta: without(part(beta, call)) }) };
    const answer = oracle.linear(queriesOf(call), sliceTime(k, from, to), sliceTime(v, from, to), {
      ...settings, ...gate, featureMap: map.reference([...starts]), initialState: S, initialKeySum: z, keyLengths: keyLengths ?? undefined,
    });
    for (let b = 0; b < one.batch; b++) starts[b] += keyLengths ? keyLengths[b] : to - from;
    ({ S, z } = answer);
    return answer.o;
  });
  return { o: joinWide(outputs), S, z };
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
