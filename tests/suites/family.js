/** Decay and write rules, with every feature map, whole, split and streamed, against the recurrence in float64. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, joinTime, loadGolden, reshape, sizeOf, sliceTime, swapLayout, tensorOf } from '../util.js';
import { attentionSuite, dims, lengths, stateFor, token } from './harness.js';
import { mapCases } from './map_cases.js';

/** Every kind of decay, given sizes. Lengths of their periods are primes, so that swapped tokens show. */
const decays = {
  none: () => undefined,
  'a head': ({ kvHeads }) => tensorOf([kvHeads], (i) => -0.1 * (i + 1)),
  'a head and token': ({ batch, kvHeads, T }) => tensorOf([batch, kvHeads, T], (i) => -(i % 7) / 10),
  'a head, token and feature': ({ batch, kvHeads, T, features }) => tensorOf([batch, kvHeads, T, features], (i) => -(i % 11) / 20),
};

const betas = {
  linear: () => undefined,
  delta: ({ batch, kvHeads, T }) => tensorOf([batch, kvHeads, T], (i) => ((i % 5) + 1) / 6),
};

const gates = Object.keys(decays).flatMap((decay) => Object.keys(betas).map((rule) => ({ decay, rule }))).filter(({ decay, rule }) => decay !== 'none' || rule !== 'linear');

/** Keys of length 1, as the delta rules want them. */
function unitRows(x) {
  const d = x.shape[3];
  const data = x.data.slice();
  for (let at = 0; at < data.length; at += d) {
    const row = data.subarray(at, at + d);
    const norm = Math.sqrt(row.reduce((sum, a) => sum + a * a, 0)) || 1;
    row.forEach((a, i) => (row[i] = a / norm));
  }
  return { data, shape: x.shape };
}

/** Steps from … to−1 of a gate. */
function sliceGate(gate, from, to) {
  if (!gate || gate.shape.length === 1) return gate;
  if (gate.shape.length === 4) return sliceTime(gate, from, to);
  return reshape(sliceTime(reshape(gate, [...gate.shape, 1]), from, to), [...gate.shape.slice(0, 2), to - from]);
}

function gateToken(gate, t) {
  const one = sliceGate(gate, t, t + 1);
  if (!one || one.shape.length === 1) return one;
  return reshape(one, [...one.shape.slice(0, 2), ...one.shape.slice(3)]);
}

export function family(name, make) {
  const test = attentionSuite(name, make);

  const draw = ({ batch = 1, heads = 1, kvHeads = heads, T = 8, dim = 8, valueDim = dim, seed = 1, features = dim }, { decay, rule }) => {
    const { q, k, v } = inputs({ batch, heads, kvHeads, T, dim, valueDim, seed, make: gaussian });
    const sizes = { batch, kvHeads, T, features };
    return { q, k: rule === 'delta' ? unitRows(k) : k, v, gate: { decay: decays[decay](sizes), beta: betas[rule](sizes) } };
  };
  const ruleOf = ({ rule }) => (rule === 'delta' ? 'delta' : 'gated');

  for (const kind of gates) {
    const title = `${kind.rule} rule, decay ${kind.decay}`;
    const rule = ruleOf(kind);
    const form = { featureMap: 'identity', normalize: false, scale: 0.5 };

    function matches(attention, keep, shape, label) {
      const { q, k, v, gate } = draw(shape, kind);
      const initialState = gaussian([q.shape[0], k.shape[1], k.shape[3], v.shape[3]], 77);
      const held = keep(stateFor(attention, { k, v }, form));
      held.set(initialState);
      const expected = oracle.linear(q, k, v, { ...form, causal: true, ...gate, initialState });
      const result = attention.linear(q, k, v, { ...gate, state: held });
      assertClose(result, expected.o, { rule, name: `${label}: o` });
      assertClose(held.data, expected.S, { rule, name: `${label}: S` });
      assert.equal(held.length, k.shape[2]);
    }

    test(`${title}: every length`, (attention, keep) => {
      for (const T of lengths) matches(attention, keep, { heads: 2, T, dim: 12, valueDim: 9, seed: T }, `length ${T}`);
    });

    test(`${title}: every dim and value dim`, (attention, keep) => {
      for (const dim of dims) {
        matches(attention, keep, { T: 37, dim, valueDim: 6, seed: dim }, `dim ${dim}`);
        matches(attention, keep, { T: 21, dim: 6, valueDim: dim, seed: dim }, `valueDim ${dim}`);
      }
    });

    test(`${title}: batches, grouped queries and both layouts`, (attention, keep) => {
      const shape = { batch: 2, heads: 6, kvHeads: 2, T: 33, dim: 8, valueDim: 5 };
      matches(attention, keep, shape, 'grouped');
      const { q, k, v, gate } = draw(shape, kind);
      const straight = attention.linear(q, k, v, { ...form, ...gate });
      const swapGate = (g) => (!g || g.shape.length === 1 ? g : g.shape.length === 4 ? swapLayout(g) : reshape(swapLayout(reshape(g, [...g.shape, 1])), [g.shape[0], g.shape[2], g.shape[1]]));
      const swapped = attention.linear(...[q, k, v].map(swapLayout), { ...form, decay: swapGate(gate.decay), beta: swapGate(gate.beta), layout: 'bthd' });
      assertSame(swapLayout(swapped), straight, 'bthd');
    });

    test(`${title}: split anywhere and token by token equals the whole`, (attention, keep) => {
      const shape = { batch: 2, heads: 4, kvHeads: 2, T: 131, dim: 9, valueDim: 12 };
      const { q, k, v, gate } = draw(shape, kind);
      const expected = oracle.linear(q, k, v, { ...form, causal: true, ...gate });
      for (const at of [1, 2, 63, 64, 65, 130]) {
        const held = keep(stateFor(attention, { k, v }, form));
        const part = (from, to) => attention.linear(...[q, k, v].map((x) => sliceTime(x, from, to)), { decay: sliceGate(gate.decay, from, to), beta: sliceGate(gate.beta, from, to), causal: true, state: held });
        assertClose(joinTime([part(0, at), part(at, 131)]), expected.o, { rule, name: `split at ${at}` });
        assertClose(held.data, expected.S, { rule, name: `S, split at ${at}` });
      }
      const held = keep(stateFor(attention, { k, v }, form));
      const steps = Array.from({ length: 131 }, (_, t) => {
        const { data, shape: [B, H, d] } = held.step(token(q, t), token(k, t), token(v, t), { decay: gateToken(gate.decay, t), beta: gateToken(gate.beta, t) });
        return { data, shape: [B, H, 1, d] };
      });
      assertClose(joinTime(steps), expected.o, { rule, name: 'steps' });
      assertClose(held.data, expected.S, { rule, name: 'S after the steps' });
    });

    test(`${title}: the future is not seen, to the bit`, (attention) => {
      const { q, k, v, gate } = draw({ heads: 2, T: 140, dim: 9 }, kind);
      const clean = attention.linear(q, k, v, { ...form, ...gate });
      for (const t of [1, 63, 64, 100]) {
        const [k2, v2] = [k, v].map((x) => tensorOf(x.shape, (i) => (Math.floor(i / 9) % 140 >= t ? 1 - x.data[i] : x.data[i])));
        assertSame(sliceTime(attention.linear(q, k2, v2, { ...form, ...gate }), 0, t), sliceTime(clean, 0, t), `before ${t}`);
      }
    });

    test(`${title}: keys past their length write and decay nothing`, (attention) => {
      const { q, k, v, gate } = draw({ batch: 2, heads: 2, T: 40, dim: 6 }, kind);
      const keyLengths = [17, 40];
      const beta = gate.beta && tensorOf(gate.beta.shape, (i) => (i < 80 && i % 40 >= 17 ? NaN : gate.beta.data[i]));
      const result = attention.linear(q, k, v, { ...form, ...gate, beta, keyLengths });
      assertClose(result, oracle.linear(q, k, v, { ...form, causal: true, ...gate, keyLengths }).o, { rule });
    });

    if (kind.decay !== 'none') {
      test(`${title}: strong decay neither overflows nor loses the result`, (attention) => {
        const { q, k, v, gate } = draw({ heads: 2, T: 90, dim: 12 }, kind);
        for (const strength of [60, 500, Infinity]) {
          const decay = tensorOf(gate.decay.shape, (i) => (i % 3 ? -strength : 0));
          const result = attention.linear(q, k, v, { ...form, ...gate, decay });
          assertClose(result, oracle.linear(q, k, v, { ...form, causal: true, ...gate, decay }).o, { rule, name: `${-strength} a step` });
        }
      });
    }
  }

  for (const { title, mapName, build } of mapCases) {
    for (const kind of [{ decay: 'none', rule: 'linear' }, ...gates.filter(({ decay }) => decay !== 'a head')]) {
      const gated = kind.decay !== 'none' || kind.rule !== 'linear';
      test(`${title}: ${kind.rule} rule, decay ${kind.decay}`, (attention, keep) => {
        const [dim, heads] = [10, 3];
        const T = mapName === 'cosformer' ? 25 : 70;
        const split = T - 16;
        const { options, reference } = build(dim);
        const map = keep(attention.featureMap(mapName, { dim, ...options }));
        const { q, k, v, gate } = draw({ heads, T, dim, valueDim: 7, features: map.features }, kind);
        // Features may be long, those of exp above all; a small beta keeps the delta rule within its domain.
        const length = map.features * (options.activation === 'exp' ? 50 : 1);
        const soft = kind.rule === 'delta' && gate.beta ? { ...gate, beta: tensorOf(gate.beta.shape, (i) => gate.beta.data[i] / length) } : gate;
        const form = { featureMap: map, normalize: !gated && !['rff', 'identity'].includes(mapName), scale: 1, eps: 1e-6 };
        const expected = oracle.linear(q, k, v, { ...form, featureMap: reference, causal: true, ...soft });
        const rule = gated ? ruleOf(kind) : 'map linear';
        const compare = (actual, wanted, what) => assertClose(actual, wanted, { rule, name: what });
        compare(attention.linear(q, k, v, { ...form, ...soft, causal: true }), expected.o, 'whole');
        if (mapName === 'favor' && options.epsilon > 0) return; // relative to a maximum over the sequence: it cannot be split
        const held = keep(stateFor(attention, { k, v }, form));
        const head = attention.linear(...[q, k, v].map((x) => sliceTime(x, 0, split)), { decay: sliceGate(soft.decay, 0, split), beta: sliceGate(soft.beta, 0, split), causal: true, state: held });
        const tail = Array.from({ length: T - split }, (_, i) => {
          const t = split + i;
          const { data, shape: [B, H, d] } = held.step(token(q, t), token(k, t), token(v, t), { decay: gateToken(soft.decay, t), beta: gateToken(soft.beta, t) });
          return { data, shape: [B, H, 1, d] };
        });
        compare(joinTime([head, ...tail]), expected.o, 'a part, then steps');
        if (!gated) compare(attention.linear(q, k, v, form), oracle.linear(q, k, v, { ...form, featureMap: reference }).o, 'full');
      });
    }
  }

  for (const [title, { in: given, out, params }] of loadGolden('golden')) {
    if (!/^(simple_gla|gla|delta_rule|gated_delta_rule|kda)\./.test(title)) continue;
    test(`golden ${title}`, (attention, keep) => {
      const { q, k, v, g, beta, initialState } = given;
      const held = keep(stateFor(attention, { k, v }, { featureMap: 'identity', normalize: false, scale: params.scale }));
      if (initialState) held.set(initialState);
      const result = attention.linear(q, k, v, { decay: g, beta, state: held });
      assertClose(result, out.o, { rule: 'golden', name: 'o' });
      assertClose(held.data, out.state, { rule: 'golden', name: 'S' });
    });
  }

  for (const decay of ['a head and token', 'a head, token and feature']) {
    test(`decay ${decay} that comes and goes from call to call, steps and chunks mixed`, (attention, keep) => {
      const { q, k, v, gate } = draw({ batch: 2, heads: 4, kvHeads: 2, T: 60, dim: 9, valueDim: 12 }, { decay, rule: 'linear' });
      // Tokens, whether they come one by one, and whether they decay, now and then beyond what float32's exponential holds.
      const calls = [[20, false, true], [3, true, true], [5, true, false], [1, true, true], [11, false, false], [2, true, true], [9, false, true], [4, true, true], [5, false, false]];
      const decaying = calls.flatMap(([count, , decays]) => Array(count).fill(decays));
      const perToken = gate.decay.shape[3] ?? 1;
      const mixed = tensorOf(gate.decay.shape, (i) => (decaying[Math.floor(i / perToken) % 60] ? gate.decay.data[i] * (i % 4 === 1 ? 90 : 1) : 0));
      const form = { featureMap: 'elu', normalize: true, scale: 1, eps: 1e-6 };
      const expected = oracle.linear(q, k, v, { ...form, causal: true, decay: mixed });
      const held = keep(stateFor(attention, { k, v }, form));
      const outputs = [];
      let from = 0;
      for (const [count, isSingle, decays] of calls.flatMap(([count, isSingle, decays]) => (isSingle ? Array(count).fill([1, true, decays]) : [[count, false, decays]]))) {
        const to = from + count;
        if (isSingle) {
          const { data, shape: [B, H, d] } = held.step(token(q, from), token(k, from), token(v, from), decays ? { decay: gateToken(mixed, from) } : {});
          outputs.push({ data, shape: [B, H, 1, d] });
        } else outputs.push(attention.linear(...[q, k, v].map((x) => sliceTime(x, from, to)), { causal: true, state: held, ...(decays && { decay: sliceGate(mixed, from, to) }) }));
        assertClose(held.keySum, oracle.linear(...[q, k, v].map((x) => sliceTime(x, 0, to)), { ...form, causal: true, decay: sliceGate(mixed, 0, to) }).z, { rule: 'gated', name: `keySum after ${to}` });
        from = to;
      }
      assertClose(joinTime(outputs), expected.o, { rule: 'gated', name: 'o' });
      assertClose(held.data, expected.S, { rule: 'gated', name: 'S' });
    });
  }

  test('keys of any length: finite wherever the recurrence is', (attention) => {
    const { q, k, v } = inputs({ T: 60, dim: 8, make: gaussian, deviation: 1.5 });
    const beta = tensorOf([1, 1, 60], () => 0.9);
    const { o } = oracle.linear(q, k, v, { featureMap: 'identity', causal: true, beta });
    assert.ok(Math.max(...o.data.map(Math.abs)) > 1e6, 'the inputs must make the plain recurrence grow');
    const result = attention.linear(q, k, v, { featureMap: 'identity', beta });
    assert.equal(result.data.findIndex((x) => !Number.isFinite(x)), o.data.findIndex((x) => !(Math.abs(x) < 3e38)));
  });

  test('numbers and lists stand for gates of every token', (attention, keep) => {
    const { q, k, v } = inputs({ heads: 2, T: 9, dim: 4 });
    const form = { featureMap: 'identity' };
    const spread = (shape, value) => tensorOf(shape, () => value);
    const whole = attention.linear(q, k, v, { ...form, decay: spread([1, 2, 9], -0.25), beta: spread([1, 2, 9], 0.5) });
    assertSame(attention.linear(q, k, v, { ...form, decay: -0.25, beta: 0.5 }), whole, 'numbers');
    assertSame(attention.linear(q, k, v, { ...form, decay: [-0.25, -0.25], beta: spread([1, 9], 0.5) }), whole, 'a list, and one row for all heads');
    assertSame(attention.linear(q, k, v, { ...form, decay: keep(attention.tensor([1, 2, 9, 4], new Array(72).fill(-0.25))), beta: spread([1, 1, 9], 0.5) }), whole, 'resident');
    assert.equal(sizeOf(whole.shape), whole.data.length);
  });

  test.run();
}
