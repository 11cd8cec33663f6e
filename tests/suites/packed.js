/** Sequences packed into one row, and padding on the left: decay of −∞ at the first token of each, as web/README.md says. */
import assert from 'node:assert';
import { assertClose, assertSame } from '../tolerance.js';
import { inputs, sliceTime, tensorOf } from '../util.js';
import { attentionSuite } from './harness.js';

const [heads, dim] = [2, 8];
const bounds = [0, 37, 38, 101, 140];
const T = bounds.at(-1);

/** Decay −0.1 everywhere, and −∞ at these tokens. */
const decayFrom = (starts, width) => tensorOf([1, heads, T, ...(width ? [width] : [])], (i) => (starts.includes(Math.floor(i / (width ?? 1)) % T) ? -Infinity : -0.1));

export function packed(name, make) {
  const test = attentionSuite(name, make);
  const { q, k, v } = inputs({ heads, T, dim, valueDim: 5 });

  for (const [title, extra] of [
    ['', {}],
    [', normalised', { featureMap: 'elu', normalize: true }],
    [', delta rule', { featureMap: 'identity', beta: 0.3, scale: 1, unit: true }],
  ]) {
    for (const width of [undefined, dim]) {
      const { unit, ...options } = extra;
      const keys = unit ? tensorOf(k.shape, (i) => k.data[i] / Math.hypot(...k.data.subarray(i - (i % dim), i - (i % dim) + dim))) : k;

      test(`packed sequences do not see each other${title}, decay a ${width ? 'channel' : 'head'}`, (attention) => {
        const all = attention.linear(q, keys, v, { ...options, decay: decayFrom(bounds, width) });
        for (let i = 0; i + 1 < bounds.length; i++) {
          const part = (x) => sliceTime(x, bounds[i], bounds[i + 1]);
          const decay = decayFrom([], width);
          const alone = attention.linear(part(q), part(keys), part(v), { ...options, decay: width ? part(decay) : { data: decay.data.slice(0, heads * (bounds[i + 1] - bounds[i])), shape: [1, heads, bounds[i + 1] - bounds[i]] } });
          assertClose(part(all), alone, { rule: 'gated', name: `sequence ${i}` });
        }
      });
    }
  }

  test('left padding, whatever finite values it has, does not reach the tokens that count', (attention) => {
    const [pad, rest] = [40, (x) => sliceTime(x, 40, T)];
    const options = { featureMap: 'elu', normalize: true, decay: decayFrom([pad]) };
    const spoil = (x) => tensorOf(x.shape, (i) => (Math.floor(i / x.shape[3]) % T < pad ? 1e6 : x.data[i]));
    const result = rest(attention.linear(q, spoil(k), spoil(v), options));
    assertSame(result, rest(attention.linear(q, k, v, options)));
    assert.ok(result.data.every(Number.isFinite));
  });

  test('decay of −∞ does not clear a NaN', (attention) => {
    const bad = tensorOf(v.shape, (i) => (i === 3 * 5 ? NaN : v.data[i]));
    const { data } = attention.linear(q, k, bad, { decay: decayFrom([38]) });
    const row = (t) => data.subarray(t * 5, t * 5 + 5);
    assert.ok(row(0).every(Number.isFinite));
    for (const t of [3, 37, 38, 139]) assert.ok(Number.isNaN(row(t)[0]), `token ${t}`);
  });

  test.run();
}
