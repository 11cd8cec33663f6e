/** The largest vectors, values and numbers of features, and what is beyond them. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose } from '../tolerance.js';
import { gaussian, inputs, joinTime, reshape, sliceTime, tensorOf } from '../util.js';
import { attentionSuite, throwsCode, throwsKind, token } from './harness.js';

export function sizes(name, make) {
  const test = attentionSuite(name, make);
  const stepFrom = (state, { q, k, v }, from, to) => Array.from({ length: to - from }, (_, i) => {
    const { data, shape: [B, H, d] } = state.step(...[q, k, v].map((x) => token(x, from + i)));
    return reshape({ data }, [B, H, 1, d]);
  });

  for (const [dim, valueDim] of [[1024, 1], [1023, 5], [513, 40], [3, 8192], [257, 1025]]) {
    test(`dim ${dim}, valueDim ${valueDim}: softmax, linear, states and their copies`, (attention, keep) => {
      const x = inputs({ T: 5, dim, valueDim, make: gaussian });
      const all = Object.values(x);
      assertClose(attention.softmax(...all, { causal: true }), oracle.softmax(...all, { causal: true }), { rule: 'softmax' });
      const expected = oracle.linear(...all, { causal: true });
      assertClose(attention.linear(...all), oracle.linear(...all, {}).o, { rule: 'linear' });
      const state = keep(attention.state({ heads: 1, dim, valueDim }));
      const first = attention.linear(...all.map((one) => sliceTime(one, 0, 2)), { causal: true, state });
      assertClose(joinTime([first, ...stepFrom(state, x, 2, 5)]), expected.o, { rule: 'linear', name: 'in parts' });
      assertClose(state.data, expected.S, { rule: 'linear', name: 'S' });
      assertClose(state.keySum, expected.z, { rule: 'linear', name: 'z' });
      const decay = -0.2;
      const gated = { featureMap: 'identity', causal: true, decay: tensorOf([1], () => decay), beta: tensorOf([1, 1, 5], () => 0.5 / dim) };
      assertClose(attention.linear(...all, { featureMap: 'identity', decay, beta: 0.5 / dim }), oracle.linear(...all, gated).o, { rule: 'delta' });
    });
  }

  test('65,536 features: as their weights say', (attention, keep) => {
    const weights = gaussian([2, 65536], 4, 0.1);
    const map = keep(attention.featureMap('learned', { dim: 2, weights }));
    assert.equal(map.features, 65536);
    const x = inputs({ T: 6, dim: 2, valueDim: 3, make: gaussian });
    const { data: shares } = attention.weights(x.q, x.k, { kind: 'linear', featureMap: map, causal: true });
    const expected = tensorOf([1, 1, 6, 3], (i) => Array.from({ length: 6 }, (_, j) => shares[Math.floor(i / 3) * 6 + j] * x.v.data[j * 3 + (i % 3)]).reduce((sum, one) => sum + one));
    assertClose(attention.linear(x.q, x.k, x.v, { featureMap: map, causal: true }), expected, { rule: 'map linear' });
    const state = keep(attention.state({ heads: 1, dim: 2, valueDim: 3, featureMap: map }));
    assertClose(joinTime(stepFrom(state, x, 0, 6)), expected, { rule: 'map linear', name: 'steps' });
    throwsKind(() => attention.featureMap('favor', { dim: 2, features: 65538 }), RangeError, /^features must be an integer from 1 to 65536, got 65538/);
  });

  test('states beyond what can be addressed: out-of-memory', (attention, keep) => {
    const map = keep(attention.featureMap('learned', { dim: 1, weights: gaussian([1, 65536], 1) }));
    const before = attention.memory;
    for (const options of [{ heads: 1, valueDim: 8192 }, { heads: 3, valueDim: 4096 }, { batch: 2 ** 31 - 1, heads: 2 ** 31 - 1, valueDim: 8192 }]) {
      throwsCode(() => attention.state({ dim: 1, featureMap: map, ...options }), 'out-of-memory', JSON.stringify(options));
      assert.equal(attention.memory, before);
    }
    for (const [size, most] of [['dim', 1024], ['valueDim', 8192]]) {
      const good = { heads: 1, dim: 2, valueDim: 2 };
      for (const method of ['state', 'cache']) {
        throwsKind(() => attention[method]({ ...good, maxLength: 1, [size]: most + 1, ...(method === 'state' && { maxLength: undefined }) }), RangeError, new RegExp(`^${size} must be an integer from 1 to ${most}, got ${most + 1}`));
      }
    }
  });

  test.run();
}
