/** Large calls on arrays, which are copied a few heads at a time, give the bits of calls on resident tensors into one, which are not. */
import assert from 'node:assert';
import { assertSame } from '../tolerance.js';
import { gaussian, inputs } from '../util.js';
import { attentionSuite } from './harness.js';

const cases = {
  'causal linear': (attention, x, more) => attention.linear(x.q, x.k, x.v, { causal: true, ...more }),
  'full linear': (attention, x, more) => attention.linear(x.q, x.k, x.v, more),
  'causal favor': (attention, x, more) => attention.linear(x.q, x.k, x.v, { causal: true, featureMap: 'favor', ...more }),
  'causal softmax': (attention, x, more) => attention.softmax(x.q, x.k, x.v, { causal: true, ...more }),
  'full softmax': (attention, x, more) => attention.softmax(x.q, x.k, x.v, more),
};

/** Three and five heads of keys with two queries each, 430 kB a head: pieces of two heads, the last of one. */
const sizes = { heads: 6, kvHeads: 3, T: 320, dim: 64, valueDim: 48, make: gaussian };
const shapes = { 'one batch': { ...sizes, heads: 10, kvHeads: 5 }, 'two batches': { ...sizes, batch: 2 } };

const keptOn = (attention, keep, x) => Object.fromEntries(Object.entries(x).map(([key, { shape, data }]) => [key, keep(attention.tensor(shape, data))]));

/** Room for the result of a call on q, k and v: only a call that copies nothing in or out is made as a whole. */
const roomFor = (attention, keep, { q, k, v }) => keep(attention.tensor([q.shape[0], Math.max(...[q, k, v].map(({ shape }) => shape[1])), q.shape[2], v.shape[3]]));

export function pieces(name, make) {
  const test = attentionSuite(name, make);

  for (const [call, run] of Object.entries(cases)) {
    for (const [shape, options] of Object.entries(shapes)) {
      test(`${call}, ${shape}: as on resident tensors`, (attention, keep) => {
        const x = inputs(options);
        const resident = keptOn(attention, keep, x);
        const expected = run(attention, resident, { out: roomFor(attention, keep, x) });
        const result = run(attention, x);
        assert.deepEqual(result.shape, expected.shape);
        assertSame(result.data, expected.data);
        assertSame(run(attention, resident).data, expected.data, 'all resident');
        assertSame(run(attention, { ...x, k: resident.k }).data, expected.data, 'k resident');
        const out = new Float32Array(expected.data.length);
        assert.equal(run(attention, x, { out }).data, out);
        assertSame(out, expected.data, 'out given');
        const held = roomFor(attention, keep, x);
        assert.equal(run(attention, x, { out: held }), held);
        assertSame(held.data, expected.data, 'out resident');
      });
    }
  }

  test('heads of q, k and v that no number of heads divides, and tokens before heads: as on resident tensors', (attention, keep) => {
    const of = (heads) => inputs({ ...sizes, batch: 2, heads, kvHeads: heads });
    const mixed = { q: of(3).q, k: of(2).k, v: of(6).v };
    const { q, k, v } = keptOn(attention, keep, mixed);
    assertSame(attention.linear(mixed.q, mixed.k, mixed.v, { causal: true }).data, attention.linear(q, k, v, { causal: true, out: roomFor(attention, keep, mixed) }).data);
    const x = inputs(shapes['two batches']);
    const turned = Object.fromEntries(Object.entries(x).map(([key, { data, shape: [batch, heads, T, width] }]) => [key, { data, shape: [batch, T, heads, width] }]));
    const resident = keptOn(attention, keep, turned);
    const options = { causal: true, layout: 'bthd' };
    const out = keep(attention.tensor([2, sizes.T, sizes.heads, sizes.valueDim]));
    assertSame(attention.linear(turned.q, turned.k, turned.v, options).data, attention.linear(resident.q, resident.k, resident.v, { ...options, out }).data);
  });

  test('heads that differ in their maps, lengths or decay are as on resident tensors', (attention, keep) => {
    const x = inputs(shapes['two batches']);
    const resident = keptOn(attention, keep, x);
    const map = keep(attention.featureMap('favor', { dim: 64, heads: 3, features: 32 }));
    const out = roomFor(attention, keep, x);
    for (const options of [{ featureMap: map }, { keyLengths: [100, 300] }, { causal: true, decay: [-0.1, -0.2, -0.3] }])
      assertSame(attention.linear(x.q, x.k, x.v, options).data, attention.linear(resident.q, resident.k, resident.v, { ...options, out }).data);
    assertSame(attention.softmax(x.q, x.k, x.v, { keyLengths: [100, 300] }).data, attention.softmax(resident.q, resident.k, resident.v, { keyLengths: [100, 300], out }).data);
  });

  test('a state goes on from an earlier call', (attention, keep) => {
    const x = inputs(shapes['one batch']);
    const [one, other] = [0, 1].map(() => keep(attention.state({ heads: 5, dim: 64, valueDim: 48 })));
    const whole = attention.linear(x.q, x.k, x.v, { causal: true, state: one });
    assertSame(whole.data, attention.linear(x.q, x.k, x.v, { causal: true }).data);
    attention.linear(x.q, x.k, x.v, { causal: true, state: other });
    assert.equal(one.length, 320);
    assertSame(attention.linear(x.q, x.k, x.v, { state: one }).data, attention.linear(x.q, x.k, x.v, { state: other }).data);
  });

  test('out that lies over an input of a later piece', (attention) => {
    const x = inputs(shapes['one batch']);
    const expected = cases['causal linear'](attention, x).data;
    for (const name of ['q', 'k', 'v']) {
      for (const shift of [0, 4, 320 * 64]) {
        const { data, shape } = x[name];
        const shared = new Float32Array(Math.max(data.length, expected.length) + shift);
        shared.set(data);
        const out = shared.subarray(shift, shift + expected.length);
        assertSame(cases['causal linear'](attention, { ...x, [name]: { data: shared.subarray(0, data.length), shape } }, { out }).data, expected, `${name} + ${shift}`);
      }
    }
  });

  test.run();
}
