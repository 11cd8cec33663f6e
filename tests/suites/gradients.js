/** Gradients against autograd of PyTorch, against float64 by every axis of the calls, and what splitting and sharing do to them. */
import assert from 'node:assert';
import { linearGradient, softmaxGradient, weightsGradient } from '../../web/learn.js';
import { createAttention as createMain } from '../../web/index.js';
import { gradientCases, runGradientCase } from '../generate/gradient_case.js';
import * as oracle from '../oracle/gradients.js';
import { differentiableMap } from '../oracle/map_gradients.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, joinTime, loadGolden, reshape, sliceTime, tensorOf } from '../util.js';
import { goldenGradient } from './gradient_cases.js';
import { attentionSuite, throwsKind } from './harness.js';

/** Of each build so many of linear attention and of softmax attention, and others than of the one before. */
const CASES = 50;

export function gradients(name, make) {
  const test = attentionSuite(name, make);

  for (const [title, golden] of loadGolden('grad')) {
    test(`golden ${title}`, (attention, keep) => {
      const { kind, q, k, v, dOut, map, options, initialState, dFinalState, expected } = goldenGradient(golden);
      const featureMap = map && (Object.keys(map.options).length > 1 ? keep(attention.featureMap(map.name, map.options)) : map.name);
      const answer = {
        softmax: () => softmaxGradient(attention, q, k, v, dOut, options),
        'cross-entropy'() {
          const { loss, ...rest } = weightsGradient(attention, q, k, { featureMap, causal: options.causal });
          return { ...rest, loss: { data: [loss], shape: [1] } };
        },
        linear() {
          const { normalize, scale } = options;
          let state;
          if (initialState) {
            state = keep(attention.state({ batch: k.shape[0], heads: k.shape[1], dim: k.shape[3], valueDim: v.shape[3], featureMap, normalize, scale }));
            state.set(initialState);
          }
          return linearGradient(attention, q, k, v, dOut, { ...options, featureMap, state, dFinalState });
        },
      }[kind]();
      for (const [what, tensor] of Object.entries(expected)) {
        assertClose(answer[what], tensor, { rule: 'gradient', name: what });
        assert.deepEqual(answer[what].shape, tensor.shape, what);
      }
    });
  }

  const seed = [...name].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7) % 100_003;
  const drawn = gradientCases(CASES, seed);
  test(`${drawn.length} calls over the axes of attention, as the oracle says`, async (attention) => {
    const failed = [];
    // Maps that are drawn by their name are the instance's from then on.
    for (const one of drawn) await runGradientCase(one, attention).catch((error) => failed.push(`${error.message}\n  ${JSON.stringify(one)}`));
    assert.equal(failed.length, 0, `${failed.length} cases fail:\n${failed.slice(0, 5).join('\n')}`);
  });

  test('a state that has seen nothing, and rows without keys, which ask it all the same', (attention, keep) => {
    const { q, k, v } = inputs({ batch: 2, T: 3, dim: 4, valueDim: 5 });
    const map = keep(attention.featureMap('learned', { dim: 4, activation: 'exp', weights: gaussian([4, 6], 1) }));
    const state = keep(attention.state({ batch: 2, heads: 1, dim: 4, valueDim: 5, featureMap: map, normalize: false }));
    const dOut = gaussian([2, 1, 3, 5], 2);
    const phi = map.apply(q).data;
    const expected = tensorOf([2, 1, 6, 5], (i) => {
      const [b, f, c] = [Math.floor(i / 30), Math.floor(i / 5) % 6, i % 5];
      return [0, 1, 2].reduce((sum, t) => sum + phi[(b * 3 + t) * 6 + f] * dOut.data[(b * 3 + t) * 5 + c], 0);
    });
    for (const causal of [false, true]) {
      for (const keyLengths of [[0, 0], [2, 0]]) {
        const { dState } = linearGradient(attention, q, k, v, dOut, { featureMap: map, state, causal, normalize: false, keyLengths });
        assertClose(dState, expected.data, { rule: 'gradient', name: `keyLengths ${keyLengths}` });
      }
    }
  });

  /** What of a call has a length, from … to. */
  const part = (x, from, to) => sliceTime(x, from, to);
  const gatePart = (gate, from, to) => gate && reshape(part(reshape(gate, [...gate.shape, 1]), from, to), [gate.shape[0], gate.shape[1], to - from]);
  const rules = {
    'elu, normalised': { options: {} },
    'taylor, normalised': { options: { featureMap: 'taylor' } },
    favor: { options: {}, map: { name: 'favor', options: { dim: 6, features: 12, seed: 3 } } },
    'exp of learned weights': { options: {}, map: { name: 'learned', options: { dim: 6, weights: gaussian([6, 10], 5, 0.4), activation: 'exp' } } },
    cosformer: { options: {}, map: { name: 'cosformer', options: { dim: 6, maxLength: 200 } } },
    'a decay a token': { options: { featureMap: 'identity', normalize: false }, decay: tensorOf([2, 2, 90], (i) => -(i % 7) / 10) },
    'the delta rule': { options: { featureMap: 'identity', normalize: false }, beta: tensorOf([2, 2, 90], (i) => ((i % 5) + 1) / 12) },
    'the gated delta rule': { options: { featureMap: 'identity', normalize: false }, decay: tensorOf([2, 2, 90], (i) => -(i % 11) / 20), beta: tensorOf([2, 2, 90], (i) => ((i % 5) + 1) / 12) },
  };

  for (const [title, { options, map, decay, beta }] of Object.entries(rules)) {
    test(`${title}: split anywhere, with the gradient of the state carried back, is the whole`, (attention, keep) => {
      const { q, k, v } = inputs({ batch: 2, heads: 4, kvHeads: 2, T: 90, dim: 6, valueDim: 5, make: gaussian, deviation: 0.5 });
      const dOut = gaussian([2, 4, 90, 5], 9);
      const form = { ...options, causal: true, ...(map && { featureMap: keep(attention.featureMap(map.name, map.options)) }) };
      const { features } = form.featureMap?.features ? form.featureMap : attention.featureMap(form.featureMap ?? 'elu', { dim: 6 });
      const normalize = form.normalize ?? true;
      const dFinal = { dFinalState: gaussian([2, 2, features, 5], 10), ...(normalize && { dFinalKeySum: gaussian([2, 2, features], 11) }) };
      const gatesOf = (from, to) => ({ ...(decay && { decay: gatePart(decay, from, to) }), ...(beta && { beta: gatePart(beta, from, to) }) });
      const whole = linearGradient(attention, q, k, v, dOut, { ...form, ...gatesOf(0, 90), ...dFinal });
      for (const at of [1, 31, 64, 89]) {
        const state = keep(attention.state({ batch: 2, heads: 2, dim: 6, valueDim: 5, ...(form.featureMap && { featureMap: form.featureMap }), normalize }));
        const pieces = (from, to) => [q, k, v, dOut].map((x) => part(x, from, to));
        const before = keep(state.clone());
        attention.linear(...pieces(0, at).slice(0, 3), { ...form, ...gatesOf(0, at), state });
        const late = linearGradient(attention, ...pieces(at, 90), { ...form, ...gatesOf(at, 90), state, ...dFinal });
        const early = linearGradient(attention, ...pieces(0, at), { ...form, ...gatesOf(0, at), state: before, dFinalState: late.dState, ...(normalize && { dFinalKeySum: late.dKeySum }) });
        for (const what of ['dq', 'dk', 'dv']) assertClose(joinTime([early[what], late[what]]), whole[what], { rule: 'gradient', name: `${what}, split at ${at}` });
        for (const what of ['dDecay', 'dBeta']) {
          if (whole[what]) assertClose(joinTime([early, late].map((g) => reshape(g[what], [...g[what].shape, 1]))), whole[what], { rule: 'gradient', name: `${what}, split at ${at}` });
        }
        if (whole.dWeights) assertClose(tensorOf(whole.dWeights.shape, (i) => early.dWeights.data[i] + late.dWeights.data[i]), whole.dWeights, { rule: 'gradient', name: `dWeights, split at ${at}` });
      }
    });
  }

  test('what is shared has the sum of what it has when each has its own', (attention, keep) => {
    const { q, k, v } = inputs({ batch: 2, heads: 4, kvHeads: 4, T: 40, dim: 6, make: gaussian });
    const dOut = gaussian([2, 4, 40, 6], 3);
    const settings = { featureMap: 'identity', causal: true };
    const spread = (shape, value) => tensorOf(shape, () => value);
    const sum = (x) => x.data.reduce((a, b) => a + b, 0);
    const one = linearGradient(attention, q, k, v, dOut, { ...settings, decay: -0.2, beta: 0.1 });
    assert.deepEqual([one.dDecay.shape, one.dBeta.shape, one.dDecay.data.length], [[], [], 1]);
    const all = linearGradient(attention, q, k, v, dOut, { ...settings, decay: spread([2, 4, 40, 6], -0.2), beta: spread([2, 4, 40], 0.1) });
    assert.deepEqual([all.dDecay.shape, all.dBeta.shape], [[2, 4, 40, 6], [2, 4, 40]]);
    for (const gate of ['dDecay', 'dBeta']) assertClose([one[gate].data[0]], [sum(all[gate])], { rule: 'gradient', name: gate });
    const perHead = linearGradient(attention, q, k, v, dOut, { ...settings, decay: [-0.2, -0.2, -0.2, -0.2], beta: spread([2, 40], 0.1) });
    assert.deepEqual([perHead.dDecay.shape, perHead.dBeta.shape], [[4], [2, 40]]);
    assertClose([sum(perHead.dDecay)], [sum(all.dDecay)], { rule: 'gradient' });

    const weights = gaussian([6, 8], 1, 0.4);
    const bias = gaussian([8], 2);
    const copies = (x) => tensorOf([4, ...x.shape], (i) => x.data[i % x.data.length]);
    const shared = linearGradient(attention, q, k, v, dOut, { featureMap: keep(attention.featureMap('learned', { dim: 6, weights, bias, activation: 'exp' })) });
    const own = linearGradient(attention, q, k, v, dOut, {
      featureMap: keep(attention.featureMap('learned', { dim: 6, weights: copies(weights), bias: copies(bias), keyWeights: copies(weights), keyBias: copies(bias), activation: 'exp' })),
    });
    assert.deepEqual(Object.keys(shared), ['dq', 'dk', 'dv', 'dWeights', 'dBias']);
    assert.deepEqual(Object.keys(own), ['dq', 'dk', 'dv', 'dWeights', 'dBias', 'dKeyWeights', 'dKeyBias']);
    const total = (a, b, shape) => tensorOf(shape, (i) => [a, b].reduce((s, x) => s + x.data.reduce((t, y, n) => t + (n % sizeOf(shape) === i ? y : 0), 0), 0));
    const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
    assertClose(shared.dWeights, total(own.dWeights, own.dKeyWeights, [6, 8]), { rule: 'gradient', name: 'dWeights' });
    assertClose(shared.dBias, total(own.dBias, own.dKeyBias, [8]), { rule: 'gradient', name: 'dBias' });
    for (const what of ['dq', 'dk', 'dv']) assertClose(own[what], shared[what], { rule: 'gradient', name: what });
  });

  test('the cross-entropy of weights, in both layouts, for heads that are shared, as the oracle says', (attention, keep) => {
    for (const [kind, causal, heads, kvHeads, mapHeads] of [['hedgehog', true, 4, 2, 2], ['learned', false, 3, 3, 1], ['exp', true, 2, 1, 1], ['exp', false, 4, 4, 4]]) {
      const { q, k } = inputs({ batch: 2, heads, kvHeads, T: 33, dim: 5, make: gaussian });
      const of = (...shape) => (mapHeads > 1 ? [mapHeads, ...shape] : shape);
      const columns = kind === 'hedgehog' ? 5 : 7;
      // relu's weights are 0 where no feature is shared, whose logarithm is no number: features that are never 0.
      const options = { dim: 5, weights: gaussian(of(5, columns), 3, 0.3), bias: tensorOf(of(columns), () => (kind === 'learned' ? 6 : 0.1)), ...(kind === 'exp' && { activation: 'exp', keyWeights: gaussian(of(5, columns), 4, 0.3) }) };
      const map = keep(attention.featureMap(kind === 'exp' ? 'learned' : kind, options));
      const { loss, ...g } = weightsGradient(attention, q, k, { featureMap: map, causal, softmaxScale: 0.7 });
      const expected = oracle.weightsGradient(q, k, { map: differentiableMap(map.name, options), causal, softmaxScale: 0.7 });
      const label = `${kind}, ${causal ? 'causal' : 'full'}`;
      assertClose([loss], [expected.loss], { rule: 'gradient', name: `${label}: loss` });
      for (const [array, tensor] of Object.entries(expected.dMap)) {
        const what = `d${array[0].toUpperCase()}${array.slice(1)}`;
        assertClose(g[what], tensor, { rule: 'gradient', name: `${label}: ${what}` });
        assert.deepEqual(g[what].shape, tensor.shape);
      }
      const swap = ({ data, shape: [B, H, T, d] }) => ({ data: data.map((_, i) => data[((Math.floor(i / d / H / T) * H + (Math.floor(i / d) % H)) * T + (Math.floor(i / d / H) % T)) * d + (i % d)]), shape: [B, T, H, d] });
      const swapped = weightsGradient(attention, swap(q), swap(k), { featureMap: map, causal, softmaxScale: 0.7, layout: 'bthd' });
      assert.equal(swapped.loss, loss);
      assertSame(swapped.dWeights, g.dWeights);
    }
  });

  test('elements that are exactly 0, where maps have a corner: no slope', (attention, keep) => {
    const { q, k, v } = inputs({ T: 20, dim: 6, valueDim: 5, make: gaussian });
    const sparse = ({ data, shape }) => tensorOf(shape, (i) => (i % 6 === 1 || i % 5 === 2 ? 0 : data[i]));
    const given = [sparse(q), sparse(k), v, gaussian([1, 1, 20, 5], 4)];
    for (const [map, options] of [['relu'], ['dpfp', { nu: 2 }], ['cosformer', { maxLength: 20 }], ['learned', { weights: tensorOf([6, 6], (i) => (i % 7 === 0 ? 1 : 0)) }]]) {
      const featureMap = keep(attention.featureMap(map, { dim: 6, ...options }));
      for (const causal of [true, false]) {
        const settings = { causal, normalize: false };
        const actual = linearGradient(attention, ...given, { ...settings, featureMap });
        const expected = oracle.linearGradient(...given, { ...settings, map: differentiableMap(map, { dim: 6, ...options }) });
        for (const what of ['dq', 'dk', 'dv']) assertClose(actual[what], expected[what], { rule: 'gradient', name: `${map}: ${what}` });
      }
    }
  });

  test('no tokens: gradients of shape 0, and weights that nothing tells anything of', (attention, keep) => {
    const { q, k, v } = inputs({ heads: 2, T: 0, dim: 4 });
    const map = keep(attention.featureMap('learned', { dim: 4, weights: gaussian([4, 3], 1) }));
    const g = linearGradient(attention, q, k, v, v, { featureMap: map, causal: true });
    assert.deepEqual([g.dq.data.length, g.dk.shape, g.dWeights], [0, [1, 2, 0, 4], tensorOf([4, 3], () => 0)]);
    assert.deepEqual(softmaxGradient(attention, q, k, v, v).dv.shape, [1, 2, 0, 4]);
    // Queries without keys: what was kept of a state is read all the same.
    const some = inputs({ heads: 2, Tq: 3, Tk: 0, dim: 4 });
    assertSame(softmaxGradient(attention, some.q, some.k, some.v, some.q).dq, tensorOf([1, 2, 3, 4], () => 0));
  });

  test('values that are no numbers reach what depends on them, and nothing else', (attention) => {
    const { q, k, v } = inputs({ batch: 2, heads: 2, T: 20, dim: 4, make: gaussian });
    const dOut = gaussian([2, 2, 20, 4], 4);
    const at = (x, batch, head) => x.data.slice((batch * 2 + head) * 80, (batch * 2 + head + 1) * 80);
    const broken = { data: v.data.slice(), shape: v.shape };
    broken.data[5 * 4] = NaN;
    for (const run of [(value) => linearGradient(attention, q, k, value, dOut, { causal: true }), (value) => softmaxGradient(attention, q, k, value, dOut, { causal: true })]) {
      const [clean, poor] = [run(v), run(broken)];
      for (const what of ['dq', 'dk', 'dv']) for (const [b, h] of [[0, 1], [1, 0], [1, 1]]) assertSame(at(poor[what], b, h), at(clean[what], b, h), `${what} of another head`);
      assert.ok(at(poor.dq, 0, 0).slice(5 * 4).some(Number.isNaN));
      assertSame(at(poor.dq, 0, 0).slice(0, 5 * 4), at(clean.dq, 0, 0).slice(0, 5 * 4), 'dq of queries before');
    }
  });

  test('what a bias hides reaches nothing, whatever it holds, and what it does not hide keeps its bits', (attention) => {
    const { q, k, v } = inputs({ batch: 1, heads: 2, T: 140, dim: 6, valueDim: 5, make: gaussian });
    const dOut = gaussian([1, 2, 140, 5], 4);
    const bias = tensorOf([2, 140, 140], (n) => (n % 140 === 7 || n % 11 === 3 ? -Infinity : (n % 13) / 9 - 0.5));
    const spoilt = (x, value, row, width) => ({ data: x.data.map((a, n) => (Math.floor(n / width) % 140 === row ? value : a)), shape: x.shape });
    for (const options of [{}, { softcap: 2, window: 60, sinks: 2 }]) {
      const of = (q, k, v, dOut) => softmaxGradient(attention, q, k, v, dOut, { ...options, bias, biasGradient: true });
      const clean = of(q, k, v, dOut);
      assert.ok(clean.dBias.data.every((x, n) => Number.isFinite(x) && (bias.data[n] !== -Infinity || x === 0)));
      for (const value of [NaN, Infinity]) {
        const without = of(q, spoilt(k, value, 7, 6), spoilt(v, value, 7, 5), dOut);
        for (const what of ['dq', 'dk', 'dv', 'dBias']) assertSame(without[what], clean[what], what);
        // Query 30 sees not every key: those keep their gradients.
        const poor = of(q, k, v, spoilt(dOut, value, 30, 5));
        const isSeen = (h, j) => bias.data[(h * 140 + 30) * 140 + j] !== -Infinity && (!options.window || j <= 30);
        for (const what of ['dk', 'dv']) {
          const width = clean[what].shape[3];
          clean[what].data.forEach((x, n) => {
            if (!isSeen(Math.floor(n / width / 140), Math.floor(n / width) % 140)) assert.equal(poor[what].data[n], x, `${what}[${n}]`);
          });
        }
      }
    }
  });

  test('an instance of another entry is refused by name', async () => {
    const main = await createMain();
    const { q, k, v } = inputs();
    throwsKind(() => linearGradient(main, q, k, v, v), TypeError, /attention must be of linear-attention-wasm\/learn for linearGradient/);
    throwsKind(() => softmaxGradient(main, q, k, v, v), TypeError, /for softmaxGradient/);
    throwsKind(() => weightsGradient(main, q, k, {}), TypeError, /for weightsGradient/);
    main.dispose();
  });

  test.run();
}
