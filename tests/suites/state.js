/** State: a sequence may be split anywhere, stepped, copied and carried on. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { inputs, joinTime, normals, sliceTime, tensorOf } from '../util.js';
import { attentionSuite, linearPart, stateFor, stateOptions as options, stepAll, token } from './harness.js';

export function state(name, make) {
  const test = attentionSuite(name, make);

  function matches(held, o, expected, T) {
    assertClose(o, expected.o, { rule: 'linear', name: 'o' });
    assertClose(held.data, expected.S, { rule: 'linear', name: 'S' });
    if (held.normalize) assertClose(held.keySum, expected.z, { rule: 'linear', name: 'z' });
    else assert.equal(held.keySum, null);
    assert.equal(held.length, T);
  }

  for (const form of [
    options,
    { ...options, featureMap: 'relu' },
    { ...options, normalize: false },
    { featureMap: 'identity', normalize: false, scale: 1, eps: 1e-6 },
  ]) {
    const title = `${form.featureMap} ${form.normalize ? 'normalised' : 'raw'}`;

    test(`${title}: token by token equals the whole`, (attention, keep) => {
      for (const shape of [
        { batch: 2, heads: 4, kvHeads: 2, T: 37, dim: 7, valueDim: 5 },
        { heads: 1, T: 66, dim: 64 },
        { T: 5, dim: 256, valueDim: 3 },
        { T: 9, dim: 1 },
      ]) {
        const qkv = inputs(shape);
        const held = keep(stateFor(attention, qkv, form));
        matches(
          held,
          joinTime(stepAll(held, qkv, 0, shape.T)),
          oracle.linear(...Object.values(qkv), { causal: true, ...form }),
          shape.T,
        );
      }
    });

    test(`${title}: split anywhere equals the whole`, (attention, keep) => {
      const qkv = inputs({ batch: 2, heads: 4, kvHeads: 2, T: 131, dim: 9, valueDim: 12 });
      const expected = oracle.linear(...Object.values(qkv), { causal: true, ...form });
      for (const at of [1, 2, 31, 63, 64, 65, 100, 128, 130]) {
        const held = keep(stateFor(attention, qkv, form));
        matches(
          held,
          joinTime([linearPart(attention, held, qkv, 0, at), linearPart(attention, held, qkv, at, 131)]),
          expected,
          131,
        );
      }
    });
  }

  test('odd chunks, and chunks mixed with steps, equal the whole', (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 211, dim: 16, valueDim: 8 });
    const expected = oracle.linear(...Object.values(qkv), { causal: true, ...options });
    for (const chunk of [3, 17, 50, 64, 67]) {
      const held = keep(stateFor(attention, qkv, options));
      const outputs = [];
      for (let t = 0; t < 211;) {
        const end = Math.min(211, t + chunk);
        outputs.push(linearPart(attention, held, qkv, t, end));
        t = Math.min(211, end + 3);
        outputs.push(...stepAll(held, qkv, end, t));
      }
      matches(held, joinTime(outputs), expected, 211);
    }
  });

  test('an empty chunk changes nothing', (attention, keep) => {
    const qkv = inputs({ T: 20, dim: 6 });
    const held = keep(stateFor(attention, qkv));
    linearPart(attention, held, qkv, 0, 20);
    const before = held.data.slice();
    assert.deepEqual(linearPart(attention, held, qkv, 20, 20).shape, [1, 1, 0, 6]);
    assertSame(held.data, before);
    assert.equal(held.length, 20);
  });

  test('full attention reads what the state held and what it adds', (attention, keep) => {
    const qkv = inputs({ heads: 4, kvHeads: 2, T: 70, dim: 6, valueDim: 9 });
    const held = keep(stateFor(attention, qkv, options));
    linearPart(attention, held, qkv, 0, 33);
    const rest = Object.values(qkv).map((x) => sliceTime(x, 33, 70));
    const first = oracle.linear(...Object.values(qkv).map((x) => sliceTime(x, 0, 33)), { causal: true, ...options });
    const expected = oracle.linear(...rest, { ...options, initialState: first.S, initialKeySum: first.z });
    matches(held, attention.linear(...rest, { state: held }), expected, 70);
  });

  test('whole, stepped and set states go on with their own positions, and clones with the same bits', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 3, T: 60, dim: 6, valueDim: 5 });
    const held = keep(stateFor(attention, qkv));
    attention.linear(...Object.values(qkv).map((x) => sliceTime(x, 0, 21)), { causal: true, state: held, keyLengths: [5, 21] });
    stepAll(held, qkv, 21, 40);
    const others = [held.clone(), attention.restore(held.save())].map(keep);
    const rest = stepAll(held, qkv, 40, 60);
    for (const other of others) {
      for (const [i, one] of stepAll(other, qkv, 40, 60).entries()) assertSame(one, rest[i], `token ${40 + i}`);
      assertSame(other.data, held.data);
      assert.deepEqual(other.save(), held.save());
    }
  });

  test('a clone goes its own way', (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 30, dim: 5 });
    const held = keep(stateFor(attention, qkv, options));
    linearPart(attention, held, qkv, 0, 10);
    const copy = keep(held.clone());
    assert.deepEqual([copy.length, copy.scale, copy.eps], [10, 0.5, 1e-5]);
    assertSame(copy.data, held.data);
    const before = held.data.slice();
    const onward = linearPart(attention, copy, qkv, 10, 30);
    assertSame(held.data, before);
    assert.equal(held.length, 10);
    assertSame(linearPart(attention, held, qkv, 10, 30), onward);
    held.reset();
    assert.ok(copy.data.some((x) => x !== 0));
  });

  test('NaN in one head stays in that head', (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 6, dim: 4 });
    const [clean, held] = [0, 1].map(() => keep(stateFor(attention, qkv)));
    const expected = linearPart(attention, clean, qkv, 0, 6).data;
    qkv.k.data[2 * 4] = NaN;
    const o = linearPart(attention, held, qkv, 0, 6).data;
    assertSame(o.subarray(24), expected.subarray(24), 'the other head');
    assertSame(o.subarray(0, 8), expected.subarray(0, 8), 'the tokens before');
    assert.ok(o.subarray(8, 24).every(Number.isNaN));
    assertSame(held.data.subarray(16), clean.data.subarray(16), 'S of the other head');
  });

  test('1,000,000 streamed tokens stay within 1e-4 of float64', (attention, keep) => {
    // Tokens come from a pool of prime length, so chunks never begin at the same place twice.
    const pool = 8209;
    const next = normals(17);
    const [q, k, v] = Array.from({ length: 3 }, () => Float32Array.from({ length: pool * 8 }, next));
    const take = (x, start, count) => tensorOf([1, 1, count, 8], (i) => x[(start * 8 + i) % x.length]);
    const qkv = (start, count) => [q, k, v].map((x) => take(x, start, count));
    const held = keep(attention.state({ heads: 1, dim: 8 }));
    let exact = { S: undefined, z: undefined };
    let t = 0;
    let last;
    while (t < 1_000_000) {
      const part = qkv(t, Math.min(4999, 1_000_000 - t));
      const count = part[0].shape[2];
      const stepped = count === 4999 ? 99 : 0;
      const [linearInputs, stepInputs] = [
        part.map((x) => sliceTime(x, 0, count - stepped)),
        part.map((x) => sliceTime(x, count - stepped, count)),
      ];
      const outputs = [
        attention.linear(...linearInputs, { causal: true, state: held }),
        ...stepAll(held, { q: stepInputs[0], k: stepInputs[1], v: stepInputs[2] }, 0, stepped),
      ];
      exact = oracle.linear(...part, { causal: true, initialState: exact.S, initialKeySum: exact.z });
      last = joinTime(outputs);
      t += count;
    }
    assertClose(last, exact.o, { rule: 'linear', name: 'o' });
    assertClose(held.data, exact.S, { rule: 'linear', name: 'S' });
    assertClose(held.keySum, exact.z, { rule: 'linear', name: 'z' });
    assert.equal(held.length, 1_000_000);
  });

  test.run();
}
