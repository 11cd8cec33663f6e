// Heads of q, k and v that differ: the oracle gives what it gives for heads written out one by one, and refuses the rest.
import assert from 'node:assert';
import { suite } from 'uvu';
import * as oracle from './oracle.js';
import { assertClose } from './tolerance.js';
import { gaussian, sizeOf, tensorOf } from './util.js';

const test = suite('oracle of heads');
const [B, T, dim, dv] = [2, 7, 3, 4];

/** x with `heads` heads, head h a copy of head ⌊h·n/heads⌋ of its n. */
function written({ data, shape: [batch, n, ...rest] }, heads) {
  const size = sizeOf(rest);
  return tensorOf([batch, heads, ...rest], (i) => {
    const [b, h] = [Math.floor(i / size / heads), Math.floor(i / size) % heads];
    return data[(b * n + Math.floor((h * n) / heads)) * size + (i % size)];
  });
}

const draw = ([q, k, v]) => [gaussian([B, q, T, dim], 1), gaussian([B, k, T, dim], 2), gaussian([B, v, T, dv], 3)];

test('as heads written out, with gates for all, for heads of k and for every state', () => {
  for (const counts of [[4, 4, 4], [8, 2, 2], [2, 2, 4], [2, 4, 4], [4, 1, 2], [4, 2, 1], [1, 1, 3], [1, 3, 1], [6, 3, 1], [12, 2, 4]]) {
    const x = draw(counts);
    const H = Math.max(...counts);
    const states = Math.max(counts[1], counts[2]);
    const all = x.map((one) => written(one, H));
    assertClose(oracle.linear(...x).o, oracle.linear(...all).o, { rule: 'float64', name: `full ${counts}` });
    for (const n of [1, counts[1], states]) {
      const gates = { decay: tensorOf([B, n, T, dim], (i) => -(i % 11) / 20), beta: tensorOf([B, n, T], (i) => (i % 4) / 8) };
      const wide = { decay: written(gates.decay, H), beta: written(gates.beta, H) };
      const [own, whole] = [[x, gates], [all, wide]].map(([qkv, more]) => oracle.linear(...qkv, { causal: true, featureMap: 'identity', ...more }));
      assertClose(own.o, whole.o, { rule: 'float64', name: `${counts}, gates of ${n}` });
      assert.deepEqual(own.S.shape, [B, states, dim, dv]);
      assertClose(written(own.S, H), written(whole.S, H), { rule: 'float64', name: `S, ${counts}` });
      const decay = tensorOf([n], (i) => -0.1 * (i + 1));
      const spread = { data: written({ data: decay.data, shape: [1, n, 1] }, H).data, shape: [H] };
      assertClose(oracle.linear(...x, { causal: true, decay }).o, oracle.linear(...all, { causal: true, decay: spread }).o, { rule: 'float64', name: `a decay a head, ${counts}` });
    }
  }
});

test('heads that do not divide are refused', () => {
  for (const counts of [[6, 2, 3], [4, 3, 3], [3, 2, 2], [2, 3, 3], [1, 2, 3], [5, 1, 2], [0, 1, 1]]) {
    assert.throws(() => oracle.linear(...draw(counts)), /heads of q, k and v do not go together/, String(counts));
  }
});

test('a map is told the heads of q and of k', () => {
  const asked = new Set();
  const featureMap = (rows, { as, head }) => {
    asked.add(`${as} ${head}`);
    return rows.map((x) => Float64Array.from(x));
  };
  oracle.linear(...draw([4, 1, 2]), { featureMap });
  assert.deepEqual([...asked].sort(), ['key 0', 'query 0', 'query 1', 'query 2', 'query 3']);
});

test.run();
