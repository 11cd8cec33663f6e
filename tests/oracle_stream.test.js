// The oracle of long streams against the plain oracle, where that one is quick enough.
import assert from 'node:assert';
import { suite } from 'uvu';
import { channelPattern, gatePattern, patternOf, tokenAt, tokenKinds, unroll } from './generate/tokens.js';
import * as oracle from './oracle.js';
import { streamLinear, streamSoftmax } from './oracle/stream.js';
import { assertClose, assertSame } from './tolerance.js';
import { reshape, sliceTime, swapLayout } from './util.js';

const test = suite('oracle of streams');
const length = 40;
const at = [0, 5, 38, 39];
const form = { featureMap: 'elu', normalize: true, scale: 0.5, eps: 1e-3 };

const patterns = (kind, { heads = 4, kvHeads = 2, dim = 3, valueDim = 5 } = {}) => ({
  q: patternOf(kind, { heads, width: dim, seed: 1 }),
  k: patternOf(kind, { heads: kvHeads, width: dim, seed: 2, deviation: 0.5 }),
  v: patternOf(kind, { heads: kvHeads, width: valueDim, seed: 3 }),
});
const sequence = (pattern) => unroll(pattern, 0, length);
const perToken = (gate) => gate && (gate.width > 1 ? sequence(gate) : reshape(sequence(gate), [1, gate.heads, length]));

/** Both oracles on the same stream, within the rounding of float64. */
function agree(x, options, gates = {}) {
  const whole = oracle.linear(...[x.q, x.k, x.v].map(sequence), { ...options, ...(gates.decay && { decay: perToken(gates.decay) }), ...(gates.beta && { beta: perToken(gates.beta) }), ...(options.held !== undefined && { keyLengths: [options.held] }) });
  const stream = streamLinear({ ...x, ...gates }, { ...options, length, at });
  const outputs = options.causal ? stream.o : stream.full;
  const close = (got, want, name) => assertClose(got, want, { rule: 'float64', name });
  outputs.forEach((rows, h) => rows.forEach((row, i) => close(row, sliceTime(whole.o, at[i], at[i] + 1).data.subarray(h * row.length, (h + 1) * row.length), `head ${h}, token ${at[i]}`)));
  close(stream.S.flatMap((S) => Array.from(S)), whole.S, 'S');
  close(stream.z.flatMap((z) => Array.from(z)), whole.z, 'z');
}

test('linear, of every kind of token, causal and full', () => {
  for (const kind of Object.keys(tokenKinds)) for (const causal of [true, false]) for (const held of [undefined, 20]) agree(patterns(kind), { ...form, causal, held });
  agree(patterns('random'), { featureMap: 'identity', normalize: false, causal: true });
});

test('decay a head and a feature, and the delta rule', () => {
  const decay = gatePattern([[-0.1, -1, 0], [-0.02, -5, -0.3]]);
  const channels = channelPattern([[[-0.1, -0.5, 0]], [[-0.3, -60, -1e-6]]]);
  const beta = gatePattern([[0.5], [1e-3]]);
  for (const gates of [{ decay }, { decay: channels }, { beta }, { decay, beta }, { decay: channels, beta }]) {
    for (const normalize of [true, false]) agree(patterns('cycle of 7'), { ...form, normalize, causal: true }, gates);
  }
});

test('a map that looks at places', () => {
  const byPlace = (t) => oracle.cosformer({ maxLength: 50, start: t });
  const x = patterns('random');
  const whole = oracle.linear(...[x.q, x.k, x.v].map(sequence), { ...form, featureMap: byPlace(0), causal: true });
  assertClose(streamLinear(x, { ...form, byPlace, length, at }).S.flatMap((S) => Array.from(S)), whole.S, { rule: 'float64' });
});

test('softmax, causal and full', () => {
  const x = patterns('cycle of 7');
  for (const causal of [true, false]) {
    const whole = oracle.softmax(...[x.q, x.k, x.v].map(sequence), { causal });
    const stream = streamSoftmax(x, { length, at, causal });
    stream.forEach((rows, h) => rows.forEach((row, i) => assertClose(row, whole.data.subarray((h * length + at[i]) * 5, (h * length + at[i] + 1) * 5), { rule: 'float64' })));
  }
});

test('a pattern unrolls to its tokens, from anywhere, in both layouts', () => {
  for (const kind of Object.keys(tokenKinds)) {
    const pattern = patternOf(kind, { heads: 2, width: 3, seed: 5 });
    for (const [from, to] of [[0, 1], [5, 5], [3, 29], [4090, 8200]]) {
      const { data, shape } = unroll(pattern, from, to);
      assert.deepEqual(shape, [1, 2, to - from, 3]);
      for (let t = from; t < to; t += 13) assertSame(sliceTime({ data, shape }, t - from, t - from + 1).data, tokenAt(pattern, t).data, `${kind}, token ${t}`);
      assertSame(swapLayout(unroll(pattern, from, to, 'bthd')), { data, shape }, `${kind}, bthd`);
    }
  }
});

test.run();
