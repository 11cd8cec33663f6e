/** save and restore: every bit comes back, on any instance and build, and damaged bytes are refused. */
import assert from 'node:assert';
import { forge, sectionOf } from '../saved_file.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, inputs } from '../util.js';
import { attentionSuite, stateFor, stateOptions, throwsCode, throwsKind } from './harness.js';

export function savedState(name, make, makeOther = make) {
  const test = attentionSuite(name, make);

  /** A saved state whose map was drawn from a seed. */
  const savedRandom = (attention, seed) => {
    const featureMap = attention.featureMap('favor', { dim: 64, features: 1024, seed });
    const held = attention.state({ heads: 1, dim: 64, valueDim: 1, featureMap });
    const bytes = held.save();
    for (const one of [held, featureMap]) one.dispose();
    return bytes;
  };

  const filled = (attention, rest) => {
    const qkv = inputs({ batch: 2, heads: 2, T: 11, dim: 3, valueDim: 5 });
    const held = stateFor(attention, qkv, { ...stateOptions, ...rest });
    attention.linear(...Object.values(qkv), { causal: true, state: held });
    return held;
  };

  function assertEqualStates(actual, expected) {
    for (const key of ['batch', 'heads', 'dim', 'valueDim', 'normalize', 'scale', 'eps', 'length'])
      assert.equal(actual[key], expected[key], key);
    assert.equal(actual.featureMap.name, expected.featureMap.name);
    assertSame(actual.data, expected.data, 'S');
    if (expected.keySum) assertSame(actual.keySum, expected.keySum, 'z');
    else assert.equal(actual.keySum, null);
  }

  for (const rest of [{}, { normalize: false }, { featureMap: 'relu' }, { featureMap: 'identity', scale: 1 / 3 }]) {
    test(`restores every bit: ${JSON.stringify(rest)}`, async (attention, keep) => {
      const held = keep(filled(attention, rest));
      const bytes = held.save();
      assert.equal(bytes.constructor, Uint8Array);
      const other = await makeOther();
      for (const instance of [attention, other]) {
        const restored = keep(instance.restore(bytes));
        assertEqualStates(restored, held);
        assert.deepEqual(restored.save(), bytes);
        const qkv = Object.values(inputs({ batch: 2, heads: 2, T: 4, dim: 3, valueDim: 5, seed: 9 }));
        const copy = keep(held.clone());
        assertClose(
          instance.linear(...qkv, { causal: true, state: restored }),
          attention.linear(...qkv, { causal: true, state: copy }),
          { rule: 'linear' },
        );
      }
    });
  }

  test('restores from bytes at any offset, and owes nothing to them afterwards', (attention, keep) => {
    const held = keep(filled(attention));
    const bytes = held.save();
    for (const offset of [1, 2, 3, 5]) {
      const shifted = new Uint8Array(bytes.length + offset).subarray(offset);
      shifted.set(bytes);
      const restored = keep(attention.restore(shifted));
      shifted.fill(255);
      assertEqualStates(restored, held);
    }
  });

  test('a refused restore leaves no feature map behind', (attention, keep) => {
    const probe = keep(attention.tensor([1]));
    const size = () => probe.data.buffer.byteLength;
    // An option of the map that the file leaves out shows only when the map was made.
    const states = Array.from({ length: 9 }, (_, seed) => forge(savedRandom(attention, seed), ({ header }) => delete header.map.options.normTerm));
    const refuse = (bytes) => throwsCode(() => attention.restore(bytes), 'corrupt-state');
    refuse(states[0]);
    const before = size();
    states.slice(1).forEach(refuse);
    assert.equal(size(), before);
  });

  test('a restored map is counted, and goes with the last state that holds it', (attention, keep) => {
    const probe = keep(attention.tensor([1]));
    const before = attention.memory;
    const first = attention.restore(savedRandom(attention, 0));
    const { featureMap } = first;
    assert.equal(attention.memory, before + first.bytes + featureMap.bytes);
    const again = attention.restore(savedRandom(attention, 0));
    const copy = first.clone();
    const user = attention.state({ heads: 1, dim: 64, valueDim: 3, featureMap });
    assert.ok([again, copy, user].every((state) => state.featureMap === featureMap));
    featureMap.dispose();
    const x = gaussian([2, 64], 1);
    const expected = featureMap.apply(x);
    for (const state of [first, first, copy, again]) state.dispose();
    assertSame(featureMap.apply(x), expected);
    assert.equal(attention.memory, before + user.bytes + featureMap.bytes);
    user.dispose();
    assert.equal(attention.memory, before);
    throwsCode(() => featureMap.apply(x), 'disposed');
    const size = probe.data.buffer.byteLength;
    for (let seed = 1; seed < 60; seed++) attention.restore(savedRandom(attention, seed)).dispose();
    assert.equal(probe.data.buffer.byteLength, size);
    assert.equal(attention.memory, before);
  });

  test('maps that the caller made, or that a name stands for, outlive the states', (attention, keep) => {
    const map = keep(attention.featureMap('favor', { dim: 3, features: 8 }));
    const states = [attention.state({ heads: 1, dim: 3, featureMap: map }), attention.state({ heads: 1, dim: 3, featureMap: 'favor' })];
    const named = states[1].featureMap;
    for (const state of states) {
      const restored = attention.restore(state.save());
      assert.equal(restored.featureMap === state.featureMap, state.featureMap === named);
      for (const one of [restored, state]) one.dispose();
    }
    for (const one of [map, named]) one.apply(gaussian([3], 1));
  });

  for (const [mapName, mapOptions] of [['favor', { features: 8 }], ['favor', { features: 8, epsilon: 1e-4 }], ['rff', { features: 8 }], ['learned', { weights: gaussian([3, 8], 1), activation: 'exp' }], ['cosformer', { maxLength: 50 }]]) {
    test(`set is refused where it cannot give the state back: ${mapName} ${JSON.stringify(mapOptions)}`, (attention, keep) => {
      const featureMap = keep(attention.featureMap(mapName, { dim: 3, ...mapOptions }));
      const held = keep(filled(attention, { featureMap }));
      const [S, z, bytes] = [held.data.slice(), held.keySum.slice(), held.save()];
      for (const state of [held, keep(held.clone()), keep(attention.restore(bytes))]) {
        assert.throws(() => state.set(S, z), { code: 'unsupported', message: /set: .*(exponents|position).*save\(\) and restore\(\), or clone\(\)/ });
        assert.deepEqual(state.save(), bytes);
      }
      held.reset();
      held.set(S, z);
      held.set(S, z);
      assertSame(held.data, S);
    });
  }

  test('saved bytes do not follow the state', (attention, keep) => {
    const held = keep(filled(attention));
    const bytes = held.save();
    const copy = bytes.slice();
    held.reset();
    assert.deepEqual(bytes, copy);
  });

  test('an unused state is saved and restored', (attention, keep) => {
    const held = keep(attention.state({ heads: 1, dim: 1 }));
    assertEqualStates(keep(attention.restore(held.save())), held);
  });

  test('refuses every truncation', (attention, keep) => {
    const bytes = keep(filled(attention)).save();
    const before = attention.memory;
    for (let length = 0; length < bytes.length; length++)
      throwsCode(
        () => attention.restore(bytes.subarray(0, length)),
        'corrupt-state',
        `${length} of ${bytes.length} bytes`,
      );
    assert.equal(attention.memory, before);
  });

  test('refuses any flipped bit', (attention, keep) => {
    const bytes = keep(filled(attention)).save();
    const before = attention.memory;
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 0x80]) {
        const damaged = bytes.slice();
        damaged[at] ^= bit;
        throwsCode(() => attention.restore(damaged), 'corrupt-state', `byte ${at} of ${bytes.length}`);
      }
    }
    assert.equal(attention.memory, before);
  });

  test('refuses impossible numbers under a right checksum', (attention, keep) => {
    const bytes = keep(filled(attention)).save();
    let refused = 0;
    for (const at of ['batch', 'heads', 'dim', 'valueDim', 'normalize', 'scale', 'eps', 'length']) {
      for (const value of [NaN, Infinity, -1, 0, 0.5, 1e300, 2 ** 31]) {
        // JSON has null for numbers that are not finite.
        const forged = forge(bytes, (file) => (at === 'length' ? sectionOf(file, 'lengths').fill(value) : (file.header.state[at] = value)));
        let state;
        try {
          state = keep(attention.restore(forged));
        } catch (error) {
          assert.equal(error.code, 'corrupt-state', `${value} as ${at}: ${error.message}`);
          refused++;
          continue;
        }
        // Some places may hold any number: then it must be one that state() could have been given.
        const { batch, heads, dim, valueDim, scale, eps, length } = state;
        const sizes = [batch, heads, dim, valueDim];
        assert.ok(
          sizes.every((n) => Number.isInteger(n) && n > 0),
          `${value} as ${at}: sizes ${sizes}`,
        );
        assert.ok(
          Number.isFinite(Math.fround(scale)) && eps >= 0 && Number.isFinite(Math.fround(eps)),
          `${value} as ${at}`,
        );
        assert.ok(Number.isSafeInteger(length) && length >= 0, `${value} as ${at}: length ${length}`);
      }
    }
    assert.ok(refused > 20);
  });

  test('refuses trailing bytes, zeros, and other formats', (attention, keep) => {
    const bytes = keep(filled(attention)).save();
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    for (const wrong of [
      longer,
      new Uint8Array(bytes.length),
      new Uint8Array(0),
      new Uint8Array(1e5).fill(255),
      new TextEncoder().encode('\u007fELF and more of the same'),
    ]) {
      throwsCode(() => attention.restore(wrong), 'corrupt-state', `${wrong.length} bytes`);
    }
  });

  test('refuses what is not a Uint8Array', (attention, keep) => {
    const bytes = keep(filled(attention)).save();
    for (const wrong of [undefined, null, 5, 'text', [...bytes], bytes.buffer, new Float32Array(4), { length: 4 }]) {
      throwsKind(() => attention.restore(wrong), TypeError, /\bbytes\b/, String(wrong).slice(0, 20));
    }
  });

  test.run();
}
