/** What a state says of itself, its copies, and how it is set and reset. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, guarded, inputs, poison, reshape } from '../util.js';
import { attentionSuite, linearPart, stateFor, stepAll, token } from './harness.js';

export function stateObject(name, make) {
  const test = attentionSuite(name, make);

  test('the state sets the defaults of featureMap, normalize, scale and eps', (attention, keep) => {
    const qkv = inputs({ T: 30, dim: 6 });
    const [implied, spelled] = [0, 1].map(() =>
      keep(stateFor(attention, qkv, { featureMap: 'relu', normalize: false, scale: 0.5 })),
    );
    const o = linearPart(attention, implied, qkv, 0, 30);
    assertSame(
      attention.linear(...Object.values(qkv), {
        causal: true,
        state: spelled,
        featureMap: 'relu',
        normalize: false,
        scale: 0.5,
      }),
      o,
    );
    assertSame(spelled.data, implied.data);
  });

  test('what a state says of itself', (attention, keep) => {
    const held = keep(
      attention.state({
        batch: 2,
        heads: 3,
        dim: 5,
        valueDim: 4,
        featureMap: 'relu',
        normalize: true,
        scale: 2,
        eps: 0.25,
      }),
    );
    const { batch, heads, dim, valueDim, normalize, scale, eps, length } = held;
    assert.deepEqual(
      { batch, heads, dim, valueDim, normalize, scale, eps, length },
      { batch: 2, heads: 3, dim: 5, valueDim: 4, normalize: true, scale: 2, eps: 0.25, length: 0 },
    );
    assert.equal(held.featureMap.name, 'relu');
    assert.deepEqual([held.data.length, held.keySum.length], [2 * 3 * 5 * 4, 2 * 3 * 5]);
    assert.ok(held.data.every((x) => x === 0) && held.keySum.every((x) => x === 0));
    assert.ok(held.bytes >= 8 * (held.data.length + held.keySum.length));
    const plain = keep(attention.state({ heads: 1, dim: 3 }));
    assert.deepEqual(
      [plain.batch, plain.valueDim, plain.normalize, plain.scale, plain.eps, plain.featureMap.name],
      [1, 3, true, 1, 1e-6, 'elu'],
    );
  });

  test('step: with and without the batch axis, into arrays and resident tensors', (attention, keep) => {
    const qkv = inputs({ heads: 4, kvHeads: 2, T: 1, dim: 5, valueDim: 3 });
    const [three, two, array, resident] = Array.from({ length: 4 }, () => keep(stateFor(attention, qkv)));
    const withBatch = Object.values(qkv).map((x) => token(x, 0));
    const without = withBatch.map((x) => reshape(x, x.shape.slice(1)));
    const expected = three.step(...withBatch);
    assert.deepEqual(expected.shape, [1, 4, 3]);
    const short = two.step(...without);
    assert.deepEqual(short.shape, [4, 3]);
    assertSame(short.data, expected.data);
    const { out, check } = guarded(12);
    assert.equal(array.step(...withBatch, { out }).data, out);
    assertSame(out, expected.data);
    check();
    const tensor = keep(attention.tensor([1, 4, 3], poison(12)));
    const tensors = withBatch.map((x) => keep(attention.tensor(x.shape, x.data)));
    assert.equal(resident.step(...tensors, { out: tensor }), tensor);
    assertSame(tensor.data, expected.data);
  });

  test('data and keySum are copies, each time anew: neither follows the other', (attention, keep) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 3, dim: 4, valueDim: 5 });
    const [held, other] = [0, 1].map(() => keep(stateFor(attention, qkv)));
    for (const one of [held, other]) stepAll(one, qkv, 0, 2);
    const [S, z] = [held.data, held.keySum];
    const [before, beforeSum] = [S.slice(), z.slice()];
    for (const copy of [S, z]) {
      assert.equal(copy.byteLength, copy.buffer.byteLength, 'an array of its own');
      copy.fill(7);
    }
    assertSame(held.data, before);
    assertSame(held.keySum, beforeSum);
    const kept = held.data;
    assertSame(stepAll(held, qkv, 2, 3)[0], stepAll(other, qkv, 2, 3)[0]);
    assertSame(kept, before, 'a copy that was taken earlier');
  });

  test('data of more heads than are read at a time', (attention, keep) => {
    const qkv = inputs({ heads: 5, T: 3, dim: 300, valueDim: 500 });
    const held = keep(stateFor(attention, qkv));
    linearPart(attention, held, qkv, 0, 3);
    const expected = oracle.linear(...Object.values(qkv), { causal: true });
    assertClose(held.data, expected.S, { rule: 'linear' });
    assertClose(held.keySum, expected.z, { rule: 'linear' });
  });

  test('set takes tensors, tensor-likes and arrays, and continues from them', (attention, keep) => {
    const qkv = inputs({ heads: 2, T: 40, dim: 4, valueDim: 6 });
    const held = keep(stateFor(attention, qkv));
    linearPart(attention, held, qkv, 0, 20);
    const [S, z] = [
      { data: held.data.slice(), shape: [1, 2, 4, 6] },
      { data: held.keySum.slice(), shape: [1, 2, 4] },
    ];
    const expected = linearPart(attention, held, qkv, 20, 40);
    const resident = [S, z].map(({ shape, data }) => keep(attention.tensor(shape, data)));
    for (const values of [[S, z], [S.data, z.data], resident]) {
      const other = keep(stateFor(attention, qkv));
      other.set(...values);
      assertSame(linearPart(attention, other, qkv, 20, 40), expected);
    }
  });

  test('set without z on a state that is not normalised', (attention, keep) => {
    const qkv = inputs({ T: 8, dim: 4 });
    const initialState = gaussian([1, 1, 4, 4], 8);
    for (const z of [undefined, null]) {
      const held = keep(stateFor(attention, qkv, { normalize: false }));
      held.set(initialState, z);
      assertClose(
        linearPart(attention, held, qkv, 0, 8),
        oracle.linear(...Object.values(qkv), { causal: true, normalize: false, initialState }).o,
        { rule: 'linear' },
      );
    }
  });

  test('reset starts over', (attention, keep) => {
    const qkv = inputs({ T: 30, dim: 5 });
    const held = keep(stateFor(attention, qkv));
    const first = linearPart(attention, held, qkv, 0, 30);
    held.reset();
    assert.equal(held.length, 0);
    assert.ok(held.data.every((x) => x === 0) && held.keySum.every((x) => x === 0));
    assertSame(linearPart(attention, held, qkv, 0, 30), first);
  });

  test.run();
}
