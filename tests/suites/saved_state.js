/** save and restore: every bit comes back, on any instance and build, and damaged bytes are refused. */
import assert from 'node:assert';
import { crc32 } from 'node:zlib';
import { assertClose, assertSame } from '../tolerance.js';
import { inputs } from '../util.js';
import { attentionSuite, stateFor, stateOptions, throwsCode, throwsKind } from './harness.js';

export function savedState(name, make, makeOther = make) {
  const test = attentionSuite(name, make);

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
          { rule: 'linear', T: 15 },
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
    const states = Array.from({ length: 9 }, (_, seed) => {
      const map = attention.featureMap('favor', { dim: 128, features: 4096, seed });
      const held = attention.state({ heads: 1, dim: 128, valueDim: 1, featureMap: map });
      const bytes = held.save();
      held.dispose();
      map.dispose();
      const view = new DataView(bytes.buffer);
      view.setFloat64(8 + 5 * 8, NaN, true); // scale
      view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
      return bytes;
    });
    const refuse = (bytes) => throwsCode(() => attention.restore(bytes), 'corrupt-state');
    refuse(states[0]);
    const before = size();
    states.slice(1).forEach(refuse);
    assert.equal(size(), before);
  });

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
    const body = bytes.length - 4;
    let refused = 0;
    for (let at = 0; at < 96; at += 8) {
      for (const value of [NaN, Infinity, -1, 0, 0.5, 1e300, 2 ** 31]) {
        const forged = new DataView(bytes.slice().buffer);
        forged.setFloat64(at, value, true);
        forged.setUint32(body, crc32(new Uint8Array(forged.buffer, 0, body)), true);
        let state;
        try {
          state = keep(attention.restore(new Uint8Array(forged.buffer)));
        } catch (error) {
          assert.equal(error.code, 'corrupt-state', `${value} at byte ${at}: ${error.message}`);
          refused++;
          continue;
        }
        // Some places may hold any number: then it must be one that state() could have been given.
        const { batch, heads, dim, valueDim, scale, eps, length } = state;
        const sizes = [batch, heads, dim, valueDim];
        assert.ok(
          sizes.every((n) => Number.isInteger(n) && n > 0),
          `${value} at byte ${at}: sizes ${sizes}`,
        );
        assert.ok(
          Number.isFinite(Math.fround(scale)) && eps >= 0 && Number.isFinite(Math.fround(eps)),
          `${value} at byte ${at}`,
        );
        assert.ok(Number.isSafeInteger(length) && length >= 0, `${value} at byte ${at}: length ${length}`);
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
