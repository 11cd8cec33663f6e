/** Normalised sums without eps: a ratio stays what it was when decay takes both of its sums below float32's range. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, joinTime, near, reshape, sliceTime, tensorOf } from '../util.js';
import { attentionSuite, throwsCode, token } from './harness.js';

const [T, dim, heads] = [40, 6, 2];

/** Keys that features of relu and dpfp leave nothing of, but for every eighth; tiny ones and ordinary ones among those. */
function rareKeys() {
  const { q, k, v } = inputs({ heads, T, dim, valueDim: 5, make: gaussian });
  const place = (i) => Math.floor(i / dim) % T;
  const sizes = [1, 1e-18, 1e-9, 1, 1e6];
  const rare = tensorOf(k.shape, (i) => (place(i) % 8 === 0 ? (Math.abs(k.data[i]) + 0.1) * sizes[place(i) / 8] : -1));
  return { q: tensorOf(q.shape, (i) => Math.abs(q.data[i]) + 0.1), k: rare, v };
}

export function ratio(name, make) {
  const test = attentionSuite(name, make);
  const decays = {
    '-60': -60,
    '-0.75': -0.75,
    '-70': -70,
    'a head': [-40, -0.01],
    'a token': tensorOf([1, heads, T], (i) => -((i * 13) % 90)),
    'a channel': tensorOf([1, heads, T, dim], (i) => -(30 + (i % 3))),
  };

  /** Tokens from … to of q, k, v or a decay; what does not vary by token as it is. */
  const part = (x, from, to) => {
    if (x.shape?.length === 4) return sliceTime(x, from, to);
    return x.shape ? reshape(sliceTime(reshape(x, [...x.shape, 1]), from, to), [1, heads, to - from]) : x;
  };
  /** One token of it, as step takes it. */
  const at = (x, t) => (x.shape ? reshape(part(x, t, t + 1), x.shape.filter((_, axis) => axis !== 2)) : x);
  const references = { dpfp: oracle.dpfp(1) };

  for (const featureMap of ['relu', 'dpfp', 'elu', 'identity', 'taylor']) {
    test(`${featureMap}: whole, split and stepped`, (attention, keep) => {
      const { q, k, v } = rareKeys();
      for (const [what, decay] of Object.entries(decays)) {
        if (decay.shape?.length === 4 && !['relu', 'elu', 'identity'].includes(featureMap)) continue;
        const options = { featureMap, decay, normalize: true, eps: 0 };
        const gate = decay.shape ? decay : tensorOf([heads], (h) => decay[h] ?? decay);
        const expected = oracle.linear(q, k, v, { ...options, featureMap: references[featureMap] ?? featureMap, decay: gate, causal: true }).o;
        const rule = { rule: 'gated', name: `decay ${what}` };
        assertClose(attention.linear(q, k, v, options), expected, rule);
        for (const cut of [1, 7, 9, 33]) {
          const state = keep(attention.state({ heads, dim, valueDim: 5, featureMap, eps: 0 }));
          const call = (from, to) => attention.linear(...[q, k, v].map((x) => part(x, from, to)), { decay: part(decay, from, to), state });
          assertClose(joinTime([call(0, cut), call(cut, T)]), expected, { ...rule, name: `${rule.name}, split at ${cut}` });
        }
        const state = keep(attention.state({ heads, dim, valueDim: 5, featureMap, eps: 0 }));
        const rows = Array.from({ length: T }, (_, t) => {
          const { data } = state.step(at(q, t), at(k, t), at(v, t), { decay: at(decay, t) });
          return tensorOf([1, heads, 1, 5], (i) => data[i]);
        });
        assertClose(joinTime(rows), expected, { ...rule, name: `${rule.name}, stepped` });
      }
    });
  }

  test('by the delta rule: whole, split and stepped', (attention, keep) => {
    const { q, k, v } = rareKeys();
    const ordinary = tensorOf(k.shape, (i) => (k.data[i] > 0 ? Math.min(k.data[i], 0.4) : -1));
    for (const [what, decay] of Object.entries(decays)) {
      const gate = decay.shape ? decay : tensorOf([heads], (h) => decay[h] ?? decay);
      const beta = tensorOf([1, heads, T], (i) => 0.25 + (i % 3) / 4);
      const settings = { featureMap: 'relu', normalize: true, eps: 0 };
      const expected = oracle.linear(q, ordinary, v, { ...settings, decay: gate, beta, causal: true }).o;
      const rule = { rule: 'gated', name: `decay ${what}` };
      assertClose(attention.linear(q, ordinary, v, { ...settings, decay, beta }), expected, rule);
      const state = keep(attention.state({ heads, dim, valueDim: 5, featureMap: 'relu', eps: 0 }));
      const call = (from, to) => attention.linear(...[q, ordinary, v].map((x) => part(x, from, to)), { decay: part(decay, from, to), beta: part(beta, from, to), state });
      assertClose(joinTime([call(0, 9), call(9, 10), call(10, T)]), expected, { ...rule, name: `${rule.name}, split` });
    }
  });

  test('the example: 5 stays 5', (attention) => {
    const one = (values) => tensorOf([1, 1, values.length, 1], (i) => values[i]);
    for (const featureMap of ['relu', 'dpfp']) {
      const { data } = attention.linear(one([1, 1, 1, 1]), one([1, -1, -1, -1]), one([5, 7, 8, 9]), { featureMap, decay: -60, normalize: true, eps: 0 });
      assert.deepEqual(featureMap === 'dpfp' ? data.length : [...data], featureMap === 'dpfp' ? 4 : [5, 5, 5, 5]);
    }
  });

  test('exponents go with save, restore, clone and further calls of every form', (attention, keep) => {
    const { q, k, v } = rareKeys();
    const make = () => keep(attention.state({ heads, dim, valueDim: 5, featureMap: 'relu', eps: 0 }));
    const state = make();
    const first = [q, k, v].map((x) => sliceTime(x, 0, 6));
    attention.linear(...first, { decay: -60, state });
    throwsCode(() => state.set(state.data, state.keySum), 'unsupported');
    const others = [state.clone(), attention.restore(state.save())].map(keep);
    const queries = sliceTime(q, 6, 9);
    const forms = {
      step: (one) => one.step(...[q, k, v].map((x) => token(x, 6)), { decay: -60 }),
      full: (one) => attention.linear(queries, sliceTime(k, 6, 8), sliceTime(v, 6, 8), { state: one }),
      causal: (one) => attention.linear(queries, sliceTime(k, 6, 9), sliceTime(v, 6, 9), { state: one, causal: true }),
    };
    for (const [what, call] of Object.entries(forms)) {
      const copy = keep(state.clone());
      const result = call(copy);
      for (const other of others) assertSame(call(keep(other.clone())), result, what);
      assert.ok(result.data.every((x) => Number.isFinite(x) && x !== 0), `${what}: ${result.data}`);
    }
    const stepped = forms.step(keep(state.clone()));
    const expected = oracle.linear(...[q, k, v].map((x) => sliceTime(x, 0, 7)), { featureMap: 'relu', decay: tensorOf([heads], () => -60), normalize: true, eps: 0, causal: true }).o;
    assertClose(stepped, { data: Float64Array.from({ length: heads * 5 }, (_, i) => expected.data[(Math.floor(i / 5) * 7 + 6) * 5 + (i % 5)]), shape: stepped.shape }, { rule: 'gated' });
  });

  test('what is read of rows that decayed differently keeps their proportions', (attention, keep) => {
    const { q, k, v } = rareKeys();
    const decay = tensorOf([1, heads, T, dim], (i) => -1.5 * (i % dim));
    const { S, z } = oracle.linear(q, k, v, { featureMap: 'relu', decay, normalize: true, eps: 0, causal: true });
    const [whole, stepped] = [0, 1].map(() => keep(attention.state({ heads, dim, valueDim: 5, featureMap: 'relu', eps: 0 })));
    attention.linear(q, k, v, { decay, state: whole });
    for (let t = 0; t < T; t++) stepped.step(...[q, k, v].map((x) => token(x, t)), { decay: at(decay, t) });
    for (const state of [whole, stepped]) {
      for (let row = 0; row < heads * dim; row++) {
        // A head's sums are read as multiples of one number.
        const first = row - (row % dim);
        const unit = z.data[first] / state.keySum[first];
        near(state.keySum[row] * unit, z.data[row], 2e-5 * z.data[row]);
        for (let c = 0; c < 5; c++) near(state.data[row * 5 + c] * unit, S.data[row * 5 + c], 1e-4 * z.data[row]);
      }
    }
    assert.ok(z.data[dim - 1] < 1e-20 * z.data[0], 'rows must lie far apart');
  });

  test('a state that was set goes on from what was set', (attention, keep) => {
    const { q, v } = rareKeys();
    const state = keep(attention.state({ heads, dim, valueDim: 5, featureMap: 'relu', eps: 0 }));
    const S = tensorOf([1, heads, dim, 5], (i) => 3e-30 * (1 + (i % 5)));
    const z = tensorOf([1, heads, dim], () => 1e-30);
    state.set(S, z);
    const negative = tensorOf([1, heads, 2, dim], () => -1);
    const result = attention.linear(sliceTime(q, 0, 2), negative, sliceTime(v, 0, 2), { state, decay: -60 });
    assertClose(result, { data: Float64Array.from(result.data, (_, i) => 3 * (1 + (i % 5))), shape: result.shape }, { rule: 'gated' });
  });

  test.run();
}
