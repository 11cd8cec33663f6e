/** What must hold of attention whatever the numbers are. */
import assert from 'node:assert';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs, mulberry32, sliceTime, swapLayout, tensorOf } from '../util.js';
import { attentionSuite, stateFor, token } from './harness.js';

/** Every kind of call whose rows the properties speak of. */
const kinds = [
  { title: 'softmax', call: 'softmax', options: {} },
  { title: 'linear elu', call: 'linear', options: { featureMap: 'elu' } },
  { title: 'linear relu', call: 'linear', options: { featureMap: 'relu' } },
  { title: 'linear elu raw', call: 'linear', options: { featureMap: 'elu', normalize: false } },
  { title: 'linear identity raw', call: 'linear', options: { featureMap: 'identity', normalize: false } },
];

export function properties(name, make) {
  const test = attentionSuite(name, make);
  const rule = (call) => (call === 'softmax' ? 'softmax' : 'linear');
  const shuffled = (n, seed) => {
    const uniform = mulberry32(seed);
    return Array.from({ length: n }, (_, i) => [uniform(), i])
      .sort((a, b) => a[0] - b[0])
      .map(([, i]) => i);
  };
  /** Blocks of [B, H, T, d] along one axis in another order. */
  const permute = ({ data, shape }, axis, order) => {
    const block = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const axisLength = shape[axis];
    return tensorOf(shape, (i) => {
      const [outer, at, inner] = [Math.floor(i / (block * axisLength)), Math.floor(i / block) % axisLength, i % block];
      return data[(outer * axisLength + order[at]) * block + inner];
    });
  };

  for (const { title, call, options } of kinds) {
    const normalised = options.normalize !== false;

    test(`${title}: the causal prefix is stable`, (attention) => {
      const { q, k, v } = inputs({ heads: 2, T: 140, dim: 9, make: gaussian });
      const whole = attention[call](q, k, v, { ...options, causal: true });
      for (const T of [1, 2, 33, 64, 65, 139]) {
        const prefix = attention[call](...[q, k, v].map((x) => sliceTime(x, 0, T)), { ...options, causal: true });
        assertClose(prefix, sliceTime(whole, 0, T), { rule: rule(call), name: `first ${T}` });
      }
    });

    test(`${title}: the future is not seen, to the bit`, (attention) => {
      const { q, k, v } = inputs({ heads: 2, T: 140, dim: 9, make: gaussian });
      const clean = attention[call](q, k, v, { ...options, causal: true });
      for (const t of [1, 63, 64, 100]) {
        const [k2, v2] = [k, v].map((x) =>
          tensorOf(x.shape, (i) => (Math.floor(i / 9) % 140 >= t ? 1 - x.data[i] : x.data[i])),
        );
        const other = attention[call](q, k2, v2, { ...options, causal: true });
        assertSame(sliceTime(other, 0, t), sliceTime(clean, 0, t), `before ${t}`);
      }
    });

    if (normalised) {
      test(`${title}: constant V gives constant output`, (attention) => {
        const { q, k } = inputs({ heads: 2, T: 70, dim: 8, make: gaussian });
        const [above, alsoAbove] = [q, k].map((x) => tensorOf(x.shape, (i) => Math.abs(x.data[i]) + 0.01));
        const v = tensorOf([1, 2, 70, 3], (i) => [2.5, -1, 0][i % 3]);
        for (const causal of [false, true])
          assertClose(
            attention[call](above, alsoAbove, v, { ...options, ...(call === 'linear' && { eps: 0 }), causal }),
            v,
            { rule: rule(call) },
          );
      });
    }

    test(`${title}: permuting key–value pairs changes nothing when full`, (attention) => {
      const { q, k, v } = inputs({ heads: 2, T: 131, dim: 8, make: gaussian });
      const order = shuffled(131, 4);
      assertClose(
        attention[call](q, permute(k, 2, order), permute(v, 2, order), options),
        attention[call](q, k, v, options),
        { rule: rule(call) },
      );
    });

    test(`${title}: the order of batches and heads is irrelevant, to the bit`, (attention) => {
      const qkv = Object.values(inputs({ batch: 3, heads: 5, T: 37, dim: 7, make: gaussian }));
      for (const causal of [false, true]) {
        for (const [axis, order] of [
          [0, [2, 0, 1]],
          [1, [3, 1, 4, 0, 2]],
        ]) {
          const moved = attention[call](...qkv.map((x) => permute(x, axis, order)), { ...options, causal });
          assertSame(moved, permute(attention[call](...qkv, { ...options, causal }), axis, order));
        }
      }
    });

    // Rows of 4 × 64 values collide in the cache, and are copied.
    for (const sizes of [{ batch: 2, heads: 3, T: 66, dim: 6 }, { heads: 4, T: 131, dim: 5, valueDim: 64 }]) {
      test(`${title}: the same call gives the same bits, in either layout, ${sizes.heads} heads`, (attention) => {
        const qkv = Object.values(inputs({ ...sizes, make: gaussian }));
        for (const causal of [false, true]) {
          const first = attention[call](...qkv, { ...options, causal });
          attention[call](...Object.values(inputs({ T: 90, dim: 11, deviation: 9 })), { ...options, causal });
          assertSame(attention[call](...qkv, { ...options, causal }), first);
          assertSame(swapLayout(attention[call](...qkv.map(swapLayout), { ...options, causal, layout: 'bthd' })), first);
        }
      });
    }

    for (const causal of [false, true]) {
      const form = causal ? 'causal' : 'full';

      test(`${title} ${form}: a non-finite query makes its own row NaN, no other`, (attention) => {
        const { q, k, v } = inputs({ batch: 2, heads: 2, T: 70, dim: 6, valueDim: 5, make: gaussian });
        const clean = attention[call](q, k, v, { ...options, causal });
        for (const bad of [NaN, Infinity, -Infinity]) {
          for (const t of [0, 33, 69]) {
            const row = 70 * 2 + t;
            const spoilt = { data: q.data.slice(), shape: q.shape };
            spoilt.data[row * 6 + 2] = bad;
            reaches(
              attention[call](spoilt, k, v, { ...options, causal }),
              clean,
              (r) => r === row,
              `q = ${bad} at ${t}`,
            );
          }
        }
      });

      test(`${title} ${form}: a non-finite key makes the rows that see it NaN, no other`, (attention) => {
        const { q, k, v } = inputs({ batch: 2, heads: 2, T: 70, dim: 6, valueDim: 5, make: gaussian });
        const clean = attention[call](q, k, v, { ...options, causal });
        for (const bad of [NaN, Infinity, -Infinity]) {
          for (const t of [0, 33, 69]) {
            const spoilt = { data: k.data.slice(), shape: k.shape };
            spoilt.data[(70 + t) * 6 + 2] = bad;
            reaches(
              attention[call](q, spoilt, v, { ...options, causal }),
              clean,
              (r) => sees(r, 1, t, causal),
              `k = ${bad} at ${t}`,
            );
          }
        }
      });

      test(`${title} ${form}: a non-finite value makes the rows that see it NaN, no other`, (attention) => {
        const { q, k, v } = inputs({ batch: 2, heads: 2, T: 70, dim: 6, valueDim: 5, make: gaussian });
        const clean = attention[call](q, k, v, { ...options, causal });
        for (const bad of [NaN, Infinity, -Infinity]) {
          for (const t of [0, 33, 69]) {
            const spoilt = { data: v.data.slice(), shape: v.shape };
            spoilt.data.fill(bad, (2 * 70 + t) * 5, (2 * 70 + t + 1) * 5);
            reaches(
              attention[call](q, k, spoilt, { ...options, causal }),
              clean,
              (r) => sees(r, 2, t, causal),
              `v = ${bad} at ${t}`,
            );
          }
        }
      });

      // Values of whole panels are used where they lie, others are copied.
      for (const dim of [6, 8]) {
        test(`${title} ${form}, dim ${dim}: what lies beyond keyLengths is not read`, (attention) => {
          const { q, k, v } = inputs({ batch: 2, heads: 2, T: 70, dim, make: gaussian });
          const keyLengths = [41, 0];
          const clean = attention[call](q, k, v, { ...options, causal, keyLengths });
          for (const bad of [NaN, Infinity]) {
            const [k2, v2] = [k, v].map((x) => tensorOf(x.shape, (i) => (Math.floor(i / dim) % 70 >= keyLengths[Math.floor(i / (2 * 70 * dim))] ? bad : x.data[i])));
            assertSame(attention[call](q, k2, v2, { ...options, causal, keyLengths }), clean, `${bad} beyond`);
          }
        });
      }
    }
  }

  for (const { title, call, options } of kinds) {
    test(`${title}: up to five queries see that a key or value is not finite`, (attention) => {
      for (const Tq of [1, 2, 3, 4, 5]) {
        for (const dim of [3, 4, 8]) {
          const { q, k, v } = inputs({ heads: 2, Tq, Tk: 70, dim, make: gaussian });
          const clean = attention[call](q, k, v, options);
          for (const bad of [NaN, Infinity, -Infinity]) {
            for (const t of [0, 66, 69]) {
              const spoil = (x, from, to) => ({ data: x.data.slice().fill(bad, from, to), shape: x.shape });
              const label = `${Tq} queries, dim ${dim}, ${bad} at ${t}`;
              const [start, end] = [(70 + t) * dim, (70 + t + 1) * dim];
              const inSecondHead = (r) => r >= Tq;
              reaches(attention[call](q, spoil(k, end - 1, end), v, options), clean, inSecondHead, `k: ${label}`);
              reaches(attention[call](q, k, spoil(v, start, end), options), clean, inSecondHead, `v: ${label}`);
            }
          }
        }
      }
    });
  }

  test('step: what is not finite makes its own head NaN, no other', (attention, keep) => {
    for (const dim of [3, 4, 20]) {
      for (const normalize of [true, false]) {
        const qkv = inputs({ heads: 2, T: 1, dim, make: gaussian });
        const fresh = () => keep(stateFor(attention, qkv, { normalize }));
        const one = Object.values(qkv).map((x) => token(x, 0));
        const clean = fresh().step(...one).data;
        for (const bad of [NaN, Infinity, -Infinity]) {
          for (const place of [0, 1, 2]) {
            const from = place === 2 ? dim : 2 * dim - 1;
            const spoilt = one.map((x, i) =>
              i === place ? { data: x.data.slice().fill(bad, from), shape: x.shape } : x,
            );
            const { data } = fresh().step(...spoilt);
            assertSame(data.subarray(0, dim), clean.subarray(0, dim), `argument ${place}: ${bad}, the other head`);
            assert.ok(data.subarray(dim).every(Number.isNaN), `argument ${place}: ${bad}, dim ${dim}`);
          }
        }
      }
    }
  });

  /** Row r of [B·H·T] belongs to head n = ⌊r/70⌋ and may see key t of that head. */
  const sees = (r, n, t, causal) => Math.floor(r / 70) === n && (!causal || r % 70 >= t);

  function reaches(result, clean, isReached, label) {
    const d = result.shape[3];
    for (let r = 0; r < result.data.length / d; r++) {
      const row = result.data.subarray(r * d, (r + 1) * d);
      if (isReached(r)) assert.ok(row.every(Number.isNaN), `${label}: row ${r} is ${row.join(', ')}, expected NaN`);
      else assertSame(row, clean.data.subarray(r * d, (r + 1) * d), `${label}: row ${r}`);
    }
  }

  test.run();
}
