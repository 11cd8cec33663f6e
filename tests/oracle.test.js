/** The oracle against everybody else's numbers, and against cases small enough to work out by hand. */
import assert from 'node:assert';
import { suite } from 'uvu';
import * as oracle from './oracle.js';
import { assertClose } from './tolerance.js';
import { gaussian, inputs, joinTime, loadGolden, reshape, sizeOf, sliceTime, tensorOf } from './util.js';

const golden = loadGolden('golden');
const test = suite('oracle');
const reproduced = new Set();

/** Registers one test for a golden case and remembers that the case was covered. */
function reproduces(name, body) {
  reproduced.add(name);
  test(`reproduces ${name}`, () => body(golden.get(name)));
}

const compare = (actual, expected, name) => assertClose(actual, expected, { rule: 'golden', name });
const rows = ({ data, shape: [count, length] }) =>
  Array.from({ length: count }, (_, i) => Float64Array.from(data.subarray(i * length, (i + 1) * length)));
const columns = (matrix) =>
  rows(matrix)[0].reduce((list, _, c) => [...list, Float64Array.from(rows(matrix), (row) => row[c])], []);
const perHead = ({ data, shape: [heads, r, c] }) =>
  Array.from({ length: heads }, (_, h) => rows({ data: data.subarray(h * r * c, (h + 1) * r * c), shape: [r, c] }));

/** φ of every row of x [B, H, T, d], through the map alone. */
function features(map, x, as = 'query') {
  const [B, H, T, d] = x.shape;
  const all = [];
  for (let n = 0; n < B * H; n++) {
    const head = rows({ data: x.data.subarray(n * T * d, (n + 1) * T * d), shape: [T, d] });
    for (const row of map(head, { as, head: n % H })) all.push(...row);
  }
  return all;
}

for (const name of golden.keys()) {
  if (name.startsWith('softmax.')) {
    reproduces(name, ({ in: { q, k, v }, out, params }) => compare(oracle.softmax(q, k, v, params), out.o, 'o'));
  }
  if (name.startsWith('linear.')) {
    reproduces(name, ({ in: { q, k, v, initialState }, out, params }) => {
      const result = oracle.linear(q, k, v, { ...params, initialState });
      compare(result.o, out.o, 'o');
      if (out.state) compare(result.S, out.state, 'S');
      if (out.z) compare(result.z, out.z, 'z');
    });
  }
  if (/^(simple_gla|gla|delta_rule|gated_delta_rule|kda|mamba2)\./.test(name)) {
    reproduces(name, ({ in: { q, k, v, g, beta, initialState }, out, params: { scale } }) => {
      const result = oracle.linear(q, k, v, {
        featureMap: 'identity',
        causal: true,
        scale,
        decay: g,
        beta,
        initialState,
      });
      compare(result.o, out.o, 'o');
      if (out.state) compare(result.S, out.state, 'S');
    });
  }
  if (name.startsWith('retention.')) {
    reproduces(name, ({ in: { q, k, v }, out, params: { scale } }) => {
      const decay = {
        data: Float64Array.from({ length: q.shape[1] }, (_, h) => Math.log(1 - 2 ** (-5 - h))),
        shape: [q.shape[1]],
      };
      compare(
        oracle.linear(q, k, v, { featureMap: 'identity', causal: true, normalize: false, scale, decay }).o,
        out.o,
        'o',
      );
    });
  }
}

reproduces('features.rff', ({ in: { q, k, w }, out }) => {
  const map = oracle.rff({ omega: columns(w), gaussian: true });
  compare(features(map, q), out.fq, 'φ(q)');
  compare(features(map, k, 'key'), out.fk, 'φ(k)');
});

reproduces('features.favor_hyp', ({ in: { q, k, w }, out }) => {
  const map = oracle.favor({ omega: columns(w), hyperbolic: true });
  compare(features(map, q), out.fq, 'φ(q)');
  compare(features(map, k, 'key'), out.fk, 'φ(k)');
});

reproduces('favor.performer', ({ in: { q, k, v, w }, out }) => {
  const map = oracle.favor({ omega: rows(w), offset: 'max', epsilon: 1e-4 });
  compare(features(map, q), out.fq, 'φ(q)');
  compare(features(map, k, 'key'), out.fk, 'φ(k)');
  compare(oracle.linear(q, k, v, { featureMap: map, eps: 0 }).o, out.o, 'o');
  // Its causal form adds 1e-6 to every entry of the key sum instead of to the denominator.
  const initialKeySum = tensorOf([1, 2, 128], () => 1e-6);
  compare(oracle.linear(q, k, v, { featureMap: map, eps: 0, causal: true, initialKeySum }).o, out.oCausal, 'causal o');
  compare(oracle.softmax(q, k, v), out.softmax, 'softmax');
  compare(oracle.softmax(q, k, v, { causal: true }), out.softmaxCausal, 'causal softmax');
});

reproduces('features.hedgehog', ({ in: { x, w }, out }) =>
  compare(features(oracle.hedgehog({ weights: perHead(w) }), x), out.f),
);
reproduces('features.t2r', ({ in: { x, w, b }, out }) =>
  compare(features(oracle.learned({ weights: perHead(w), bias: rows(b) }), x), out.f),
);
for (const nu of [1, 3])
  reproduces(`features.dpfp.${nu}`, ({ in: { x }, out }) => compare(features(oracle.dpfp(nu), x), out.f));
reproduces('taylor.based', ({ in: { q, k, v }, out }) =>
  compare(oracle.linear(q, k, v, { featureMap: 'taylor', causal: true }).o, out.o),
);
reproduces('cosformer.causal', ({ in: { q, k, v }, out }) => {
  compare(oracle.linear(q, k, v, { featureMap: oracle.cosformer({ maxLength: q.shape[2] }), causal: true }).o, out.o);
});

for (const [name, { attrs, dtype, in: input, out }] of loadGolden('onnx')) {
  test(`reproduces onnx ${name}`, () => {
    const rule = dtype === 'float16' ? 'half' : 'golden';
    const { o, S } = onnxLinearAttention(input, attrs);
    assertClose(o, out.output, { rule, name: 'output' });
    assertClose(S, out.present_state, { rule, name: 'present_state' });
  });
}

/** The operator's words in ours: [B, T, H·D] unpacked, its defaults (gated_delta, 1/√D) filled in. */
function onnxLinearAttention({ query, key, value, past_state, decay, beta }, attrs) {
  const { update_rule = 'gated_delta', q_num_heads: heads, kv_num_heads: kvHeads } = attrs;
  const q = unpack(query, heads);
  const k = unpack(key, kvHeads);
  const { o, S } = oracle.linear(q, k, unpack(value, kvHeads), {
    featureMap: 'identity',
    causal: true,
    normalize: false,
    scale: attrs.scale || 1 / Math.sqrt(q.shape[3]),
    decay: update_rule.startsWith('gated') ? gates(decay, kvHeads) : undefined,
    beta: update_rule.endsWith('delta') ? gates(beta, kvHeads, 1) : undefined,
    initialState: past_state,
  });
  return { o: pack(o), S };
}

function unpack({ data, shape: [B, T, width] }, heads) {
  const d = width / heads;
  return tensorOf([B, heads, T, d], (i) => {
    const [b, h, t, c] = [
      Math.floor(i / (heads * T * d)),
      Math.floor(i / (T * d)) % heads,
      Math.floor(i / d) % T,
      i % d,
    ];
    return data[(b * T + t) * width + h * d + c];
  });
}

function pack({ data, shape: [B, H, T, d] }) {
  return tensorOf([B, T, H * d], (i) => {
    const [b, t, h, c] = [Math.floor(i / (T * H * d)), Math.floor(i / (H * d)) % T, Math.floor(i / d) % H, i % d];
    return data[((b * H + h) * T + t) * d + c];
  });
}

/** [B, T, H·D], [B, T, H] or, one number for all heads, [B, T, 1] → [B, H, T, D] or [B, H, T]. */
function gates(x, heads) {
  const [B, T, width] = x.shape;
  const wide =
    width % heads === 0
      ? unpack(x, heads)
      : tensorOf([B, heads, T, 1], (i) => x.data[Math.floor(i / (heads * T)) * T + (i % T)]);
  return wide.shape[3] === 1 ? reshape(wide, wide.shape.slice(0, 3)) : wide;
}

test('every golden case is reproduced', () => {
  assert.deepEqual(
    [...golden.keys()].filter((name) => !reproduced.has(name)),
    [],
  );
  assert.equal(golden.size, reproduced.size);
});

test('two keys by hand: softmax', () => {
  const q = { data: Float32Array.of(1), shape: [1, 1, 1, 1] };
  const k = { data: Float32Array.of(0, Math.log(3)), shape: [1, 1, 2, 1] };
  const v = { data: Float32Array.of(4, 8), shape: [1, 1, 2, 1] };
  assertClose(oracle.softmax(q, k, v), [7], { rule: 'softmax' });
  assertClose(oracle.weights(q, k, { kind: 'softmax' }), [0.25, 0.75], { rule: 'softmax' });
});

test('two keys by hand: linear', () => {
  const q = { data: Float32Array.of(0, 0), shape: [1, 1, 2, 1] };
  const k = { data: Float32Array.of(0, 2), shape: [1, 1, 2, 1] };
  const v = { data: Float32Array.of(4, 8), shape: [1, 1, 2, 1] };
  const { o, S, z } = oracle.linear(q, k, v, { causal: true, eps: 0 });
  assertClose(o, [4, 7], { rule: 'linear' });
  assertClose(S, [28], { rule: 'linear' });
  assertClose(z, [4], { rule: 'linear' });
  assertClose(oracle.weights(q, k, { kind: 'linear', causal: true }), [1, 0, 0.25, 0.75], { rule: 'linear' });
});

test('a query that sees no key gives 0', () => {
  const { q, k, v } = inputs({ batch: 2, T: 3, dim: 4 });
  const half = sizeOf(v.shape) / 2;
  for (const o of [oracle.softmax(q, k, v, { keyLengths: [0, 3] }), oracle.linear(q, k, v, { keyLengths: [0, 3] }).o]) {
    assert.ok(o.data.subarray(0, half).every((x) => x === 0));
    assert.ok(o.data.subarray(half).some((x) => x !== 0));
  }
});

test('the double sum and the recurrence meet at the last query', () => {
  const { q, k, v } = inputs({ heads: 4, kvHeads: 2, T: 9, dim: 5, valueDim: 3, make: gaussian });
  const initialState = gaussian([1, 2, 5, 3], 7);
  const initialKeySum = tensorOf([1, 2, 5], (i) => 1 + i);
  const [full, causal] = [false, true].map((causal) => oracle.linear(q, k, v, { causal, initialState, initialKeySum }));
  assertClose(sliceTime(full.o, 8, 9), sliceTime(causal.o, 8, 9), { rule: 'linear' });
  assertClose(full.S, causal.S, { rule: 'linear' });
  assertClose(full.z, causal.z, { rule: 'linear' });
});

test('splitting a gated delta sequence and carrying the state changes nothing', () => {
  const { q, k, v } = inputs({ heads: 2, T: 11, dim: 4, deviation: 0.5, make: gaussian });
  const decay = tensorOf([1, 2, 11], (i) => -((i % 5) / 5));
  const beta = tensorOf([1, 2, 11], (i) => (i % 7) / 7);
  const part = (from, to, initialState) => {
    const time = (x) => reshape(sliceTime(reshape(x, [...x.shape, 1]), from, to), [1, 2, to - from]);
    const [a, b, c] = [q, k, v].map((x) => sliceTime(x, from, to));
    return oracle.linear(a, b, c, {
      featureMap: 'identity',
      causal: true,
      decay: time(decay),
      beta: time(beta),
      initialState,
    });
  };
  const whole = part(0, 11);
  const first = part(0, 4);
  const second = part(4, 11, first.S);
  assertClose(joinTime([first.o, second.o]), whole.o, { rule: 'delta' });
  assertClose(second.S, whole.S, { rule: 'delta' });
});

test('the random maps approach the softmax kernel', () => {
  const omega = rows(gaussian([20000, 3], 5));
  const [x, y] = rows(gaussian([2, 3], 6, 0.7));
  const kernel = Math.exp(x.reduce((sum, a, i) => sum + a * y[i], 0) / Math.sqrt(3));
  for (const map of [oracle.favor({ omega }), oracle.favor({ omega, hyperbolic: true }), oracle.rff({ omega })]) {
    const [fx, fy] = [map([x], { as: 'query', head: 0 })[0], map([y], { as: 'key', head: 0 })[0]];
    assert.ok(Math.abs(fx.reduce((sum, a, i) => sum + a * fy[i], 0) / kernel - 1) < 0.05);
  }
});

test('both dialects of hedgehog are positive and sum to their number of softmaxes', () => {
  const x = Float64Array.of(0.5, -2, 1);
  for (const [dialect, total] of [
    ['separate', 2],
    ['joint', 1],
  ]) {
    const [features] = oracle.hedgehog({ dialect })([x], { as: 'query', head: 0 });
    assert.equal(features.length, 6);
    assert.ok(features.every((f) => f > 0));
    assert.ok(Math.abs(features.reduce((a, b) => a + b, 0) - total) < 1e-9);
  }
});

test('the gap of equal values is nothing, and the mean of V is then exact', () => {
  const { q, k } = inputs({ T: 6, dim: 4, make: gaussian });
  const v = tensorOf([1, 1, 6, 2], () => 3);
  const { relativeError, meanValueError, cosine, weightL1 } = oracle.gap(q, k, v, { causal: true });
  assert.ok(relativeError < 1e-5 && meanValueError < 1e-12 && Math.abs(cosine - 1) < 1e-9);
  assert.ok(weightL1 > 0 && weightL1 < 2);
});

test.run();
