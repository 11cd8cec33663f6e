/** Every method of the asynchronous face, with and without its own options, twice on one instance: the main entry's bits. */
import assert from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import { suite } from 'uvu';
import { Attention } from '../web/calls/attention.js';
import { Cache } from '../web/calls/cache.js';
import { State } from '../web/calls/state.js';
import { Tensor } from '../web/core/tensor.js';
import { createAttention as createSync } from '../web/index.js';
import { FeatureMap } from '../web/maps/feature_map.js';
import { createAttention } from '../web/worker.js';
import { gaussian, inputs } from './util.js';

const test = suite('worker: methods');

// As long as it takes for every call that can be sliced to be.
const { q, k, v } = inputs({ heads: 4, T: 300, dim: 16, make: gaussian });
const qkv = [q, k, v];
const perHead = (shape, seed, f) => {
  const { data } = gaussian(shape, seed);
  return { data: data.map(f), shape };
};
const gate = perHead([1, 4, 300], 11, (x) => -Math.abs(x) / 4);
const channelGate = perHead([1, 4, 300, 16], 12, (x) => -Math.abs(x) / 4);
const beta = perHead([1, 4, 300], 13, (x) => 1 / (1 + Math.exp(-x)));
const dt = perHead([1, 4, 300], 14, (x) => Math.abs(x));
const at = ({ data, shape }, t) => {
  const [, H, T, d = 1] = shape;
  const row = new Float32Array(H * d);
  for (let h = 0; h < H; h++) row.set(data.subarray((h * T + t) * d, (h * T + t + 1) * d), h * d);
  return { data: row, shape: shape.length === 4 ? [1, H, d] : [1, H] };
};
const tokens = (t) => qkv.map((x) => at(x, t));
const A = [-0.1, -0.2, -0.3, -0.4];

/**
 * By class and method: calls on what `make` gives, with `o`, the options of every call. Both faces run the same
 * program; each result is awaited, and so is what it left behind.
 */
const programs = {
  Attention: {
    softmax: async (a, o) => [await a.softmax(...qkv, o), await a.softmax(...qkv, { causal: true, scale: 0.3, keyLengths: [200], ...o }), await a.softmax(...qkv, { causalOffset: -3, bias: [1, 2, 3, 4], lengths: [200], starts: [7], ...o }), await a.softmax(...qkv, { sequences: [0, 100, 300], ...o })],
    linear: async (a, o) => {
      const state = await a.state({ heads: 4, dim: 16, featureMap: 'dpfp' });
      const decaying = await a.state({ heads: 4, dim: 16, normalize: false, featureMap: 'identity' });
      const results = [await a.linear(...qkv, o), await a.linear(...qkv, { causal: true, lengths: [200], starts: [50], ...o }), await a.linear(...qkv, { sequences: [0, 100, 300], ...o })];
      for (let i = 0; i < 2; i++) results.push(await a.linear(...qkv, { causal: true, state, featureMap: 'dpfp', ...o }), await copied(state.data), await copied(state.keySum), await state.length);
      for (const options of [{ decay: A }, { decay: gate }, { decay: channelGate }, { beta }, { decay: gate, beta }]) {
        results.push(await a.linear(...qkv, { causal: true, featureMap: 'identity', ...options, ...o }));
        results.push(await a.linear(...qkv, { causal: true, featureMap: 'identity', state: decaying, normalize: false, ...options, ...o }), await copied(decaying.data));
      }
      for (const featureMap of ['elu', 'relu', 'identity', 'favor', 'rff', 'dpfp', 'taylor', 'hedgehog']) results.push(await a.linear(...qkv, { causal: true, featureMap, ...o }));
      return results;
    },
    absorb: async (a, o) => {
      const results = [];
      for (const options of [{}, { decay: gate }, { decay: channelGate, beta }, { lengths: [200], starts: [50] }]) {
        const state = await a.state({ heads: 4, dim: 16, normalize: false });
        const same = await a.absorb(k, v, { state, ...options, ...o });
        results.push(await copied(same.data), await same.length);
      }
      return results;
    },
    retention: async (a, o) => [await a.retention(...qkv, o), await a.retention(...qkv, { sequences: [0, 100, 300], ...o })],
    mamba2: async (a, o) => [await a.mamba2(v, dt, A, k, q, { D: [1, 2, 3, 4], ...o })],
    gla: async (a, o) => [await a.gla(...qkv, { g: channelGate, ...o })],
    deltaNet: async (a, o) => [await a.deltaNet(...qkv, { beta, ...o })],
    gatedDeltaNet: async (a, o) => [await a.gatedDeltaNet(...qkv, { g: gate, beta, ...o })],
    kda: async (a, o) => [await a.kda(...qkv, { g: channelGate, beta, ...o })],
    featureMap: async (a, o) => [(await a.featureMap('favor', { dim: 16, seed: 3, ...o })).features],
    state: async (a, o) => [await (await a.state({ heads: 2, dim: 8, ...o })).data],
    restore: async (a, o) => [await (await a.restore(await (await seen(a)).save(), o)).data],
    restoreMap: async (a, o) => [await (await a.restoreMap(await (await a.featureMap('rff', { dim: 16, seed: 4 })).save(), o)).apply(q)],
    softmaxPart: async (a, o) => [await a.softmaxPart(...qkv, o), await a.softmaxPart(...qkv, { window: 9, sinks: 2, softcap: 5, bias: gaussian([1, 300, 300], 5), ...o })],
    mergeSoftmax: async (a, o) => {
      const [one, two] = [await a.softmaxPart(...qkv, { keyLengths: [100], ...o }), await a.softmaxPart(...qkv, { scale: 2, ...o })];
      return [await a.mergeSoftmax(one, two, o), await a.mergeSoftmax(one, two)];
    },
    cache: async (a, o) => [(await a.cache({ heads: 2, dim: 8, maxLength: 5, ...o })).maxLength],
    restoreCache: (a, o) => cached(a, o, async (cache) => a.restoreCache(await cache.save(), o)),
    gap: async (a, o) => [await a.gap(...qkv, o), await a.gap(...qkv, { causal: true, featureMap: 'relu', ...o })],
    weights: async (a, o) => [await a.weights(q, k, { kind: 'softmax', ...o }), await a.weights(q, k, { kind: 'linear', causal: true, ...o })],
    tensor: async (a, o) => [await (await a.tensor(q.shape, q.data, o)).data, await (await a.tensor([2, 3], undefined, o)).data],
  },
  State: {
    step: async (a, o) => {
      const state = await seen(a);
      const results = [];
      for (let t = 0; t < 3; t++) results.push(await state.step(...tokens(t), { decay: at(gate, t), ...o }));
      results.push(await state.step(...tokens(3), { lengths: [0], ...o }));
      return [...results, await copied(state.data), await copied(state.keySum), await state.length];
    },
    set: async (a, o) => {
      const [from, to] = [await seen(a), await a.state({ heads: 4, dim: 16 })];
      await to.set(await copied(from.data), await copied(from.keySum), o);
      return [await copied(to.data), await copied(to.keySum)];
    },
    reset: async (a, o) => [...(await changed(a, (state) => state.reset(undefined, o))), ...(await changed(a, (state) => state.reset([0], o)))],
    select: async (a, o) => {
      const state = await seen(a);
      await state.select([0, 0], o);
      const two = [await copied(state.data), await state.lengths, await state.batch];
      await state.select([1], o);
      return [...two, await state.batch, await a.linear(...qkv, { causal: true, state })];
    },
    merge: async (a, o) => {
      const results = [];
      for (const options of [{}, { decay: gate }, { decay: channelGate, beta }]) {
        const [earlier, later] = [await a.state({ heads: 4, dim: 16, normalize: false }), await a.state({ heads: 4, dim: 16, normalize: false, transition: true, start: 300 })];
        for (const state of [earlier, later]) await a.absorb(k, v, { state, ...options });
        const both = await earlier.merge(later, o);
        results.push(await copied(both.data), await both.lengths, await copied(later.data));
      }
      return results;
    },
    rewind: async (a, o) => {
      const state = await a.state({ heads: 4, dim: 16, history: 5 });
      for (let t = 0; t < 40; t++) await state.step(...tokens(t));
      const results = [];
      for (const n of [5, [3]]) {
        await state.rewind(n, o);
        results.push(await copied(state.data), await state.length);
        for (let t = 0; t < 3; t++) await state.step(...tokens(t));
      }
      return results;
    },
    copyFrom: async (a, o) => {
      const [from, to] = [await seen(a), await a.state({ heads: 4, dim: 16 })];
      await to.copyFrom(from, o);
      return [await copied(to.data), await to.lengths];
    },
    clone: async (a, o) => [await (await (await seen(a)).clone(o)).data],
    save: async (a, o) => [await (await seen(a)).save(o)],
    dispose: async (a, o) => [await (await seen(a)).dispose(o)],
  },
  Cache: {
    truncate: (a, o) => cached(a, o, (cache) => cache.truncate(17, o)),
    select: (a, o) => cached(a, o, (cache) => cache.select([0], o)),
    copyFrom: (a, o) => cached(a, o, async (cache) => {
      const other = await a.cache({ heads: 4, dim: 16, maxLength: 700 });
      await a.softmax(...qkv, { cache: other, lengths: [33] });
      await cache.copyFrom(other, o);
    }),
    reset: (a, o) => cached(a, o, (cache) => cache.reset(undefined, o)),
    save: (a, o) => cached(a, o, async (cache) => a.restoreCache(await cache.save(o))),
    clone: (a, o) => cached(a, o, (cache) => cache.clone(o)),
    dispose: async (a, o) => [await (await a.cache({ heads: 4, dim: 16, maxLength: 700 })).dispose(o)],
  },
  FeatureMap: {
    apply: async (a, o) => {
      const results = [];
      for (const name of ['elu', 'favor', 'rff', 'taylor', 'dpfp', 'hedgehog']) {
        const map = await a.featureMap(name, { dim: 16 });
        for (const as of ['query', 'key']) results.push(await map.apply(q, { as, ...o }));
      }
      return results;
    },
    save: async (a, o) => {
      const weights = { data: q.data.slice(0, 48), shape: [16, 3] };
      const map = await a.featureMap('learned', { dim: 16, weights, activation: 'exp' });
      return [await map.save(o), await map.weights, await (await a.featureMap('taylor', { dim: 16 })).weights];
    },
    dispose: async (a, o) => [await (await a.featureMap('favor', { dim: 16, seed: 8 })).dispose(o)],
  },
  Tensor: {
    dispose: async (a, o) => [await (await a.tensor([4])).dispose(o)],
  },
};

/** What a getter gives now; the main entry's are live views. */
const copied = async (values) => (await values).slice();

async function seen(a) {
  const state = await a.state({ heads: 4, dim: 16 });
  await a.linear(...qkv, { causal: true, state });
  return state;
}

async function changed(a, change) {
  const state = await seen(a);
  await change(state);
  return [await copied(state.data), await copied(state.keySum), await state.length, await a.linear(...qkv, { causal: true, state })];
}

/** Calls through a cache, before and after `change`, which gives the cache to go on with or nothing. */
async function cached(a, o, change) {
  const cache = await a.cache({ heads: 4, dim: 16, maxLength: 700 });
  const first = await a.softmax(...qkv, { causal: true, cache, ...o });
  const next = (await change(cache)) ?? cache;
  return [first, await next.length, await next.lengths, await a.softmax(...qkv, { causal: true, cache: next, ...o }), await next.length];
}

const dropOwn = ({ signal, onProgress, ...options }) => options;

for (const [kind, methods] of Object.entries(programs)) {
  for (const [name, run] of Object.entries(methods)) {
    test(`${kind}.${name}`, async () => {
      const [remote, local] = await Promise.all([createAttention({ build: 'simd' }), createSync({ build: 'simd' })]);
      try {
        const mine = [{}, { signal: new AbortController().signal }, { onProgress() {} }, { signal: new AbortController().signal, onProgress() {} }];
        for (const options of [...mine, ...mine]) {
          const [told, expected] = [await run(remote, options), await run(local, dropOwn(options))];
          const wrong = expected.findIndex((value, i) => !isDeepStrictEqual(told[i], value));
          assert.equal(wrong, -1, `result ${wrong} differs with ${Object.keys(options).join(' and ') || 'no options'}`);
        }
      } finally {
        await remote.dispose();
        local.dispose();
      }
    });
  }
}

test('the table has every method there is', () => {
  for (const [kind, { prototype }] of Object.entries({ Attention, State, Cache, FeatureMap, Tensor })) {
    const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function');
    const known = kind === 'Attention' ? [...Object.keys(programs[kind]), 'dispose'] : Object.keys(programs[kind]);
    assert.deepEqual(methods.map(([name]) => name).sort(), known.sort(), kind);
  }
});

test.run();
