/** A map's weights, and its way through save() and restoreMap(). */
import assert from 'node:assert';
import { closeSaved, forge, openSaved, reseal, sectionOf } from '../saved_file.js';
import { assertSame } from '../tolerance.js';
import { gaussian, mulberry32 } from '../util.js';
import { attentionSuite, throwsCode, throwsKind } from './harness.js';
import { mapCases } from './map_cases.js';

const drawn = ['favor', 'rff'].map((mapName) => ({ title: `${mapName}, drawn`, mapName, build: () => ({ options: { features: 6, heads: 2, seed: 2 ** 52 + 1 } }) }));

export function savedMap(name, make) {
  const test = attentionSuite(name, make);

  for (const { title, mapName, build } of [...mapCases, ...drawn]) {
    test(`${title}: saved, and restored here and elsewhere`, async (attention, keep) => {
      const map = keep(attention.featureMap(mapName, { dim: 5, ...build(5).options }));
      const bytes = map.save();
      const x = gaussian([map.heads, 6, 5], 3);
      const other = await make();
      for (const instance of [attention, other]) {
        const before = instance.memory;
        const [restored, again] = [instance.restoreMap(bytes), instance.restoreMap(bytes)];
        assert.notEqual(restored, again);
        for (const key of ['name', 'dim', 'heads', 'features', 'options', 'bytes', 'weights']) assert.deepEqual(restored[key], map[key], key);
        for (const as of ['query', 'key']) assertSame(restored.apply(x, { as }), map.apply(x, { as }));
        assert.deepEqual(restored.save(), bytes);
        again.dispose();
        restored.apply(x);
        // A state of one of them takes the other for what it is: the same map.
        const state = instance.state({ heads: map.heads, dim: 5, featureMap: restored });
        const held = instance.restore(state.save());
        for (const one of [held, state, restored]) one.dispose();
        assert.equal(instance.memory, before);
      }
      other.dispose();
    });
  }

  test('what a saved map holds', (attention, keep) => {
    const [weights, keyBias] = [gaussian([2, 3, 4], 1), gaussian([4], 2)];
    const map = keep(attention.featureMap('learned', { dim: 3, weights, keyBias, activation: 'exp' }));
    const file = openSaved(map.save());
    const { sections, ...header } = file.header;
    assert.deepEqual(header, { map: { name: 'learned', dim: 3, heads: 2, features: 4, options: { activation: 'exp' } } });
    assert.deepEqual(sections.map(({ name, shape }) => [name, shape]), [['map.weights', [2, 3, 4]], ['map.keyBias', [4]]]);
    assertSame(sectionOf(file, 'map.weights'), weights.data);
    const seeded = keep(attention.featureMap('favor', { dim: 64, features: 256 }));
    assert.ok(seeded.save().length < 600, 'a seed, not its rows');
  });

  test('a disposed map is not saved, nor are its weights read', (attention) => {
    const map = attention.featureMap('hedgehog', { dim: 4, weights: gaussian([4, 3], 1) });
    map.dispose();
    throwsCode(() => map.save(), 'disposed');
    throwsCode(() => map.weights, 'disposed');
  });

  test('weights: copies of what was given, of its shape; null without', (attention, keep) => {
    const given = { weights: gaussian([2, 4, 3], 1), bias: gaussian([3], 2), keyWeights: gaussian([4, 3], 3), keyBias: gaussian([2, 3], 4) };
    for (const mapName of ['hedgehog', 'learned']) {
      const map = keep(attention.featureMap(mapName, { dim: 4, ...given }));
      assert.deepEqual(map.weights, given);
      const before = map.apply(gaussian([2, 5, 4], 1));
      for (const { data, shape } of Object.values(map.weights)) {
        data.fill(0);
        shape.fill(0);
      }
      assert.deepEqual(map.weights, given);
      assertSame(map.apply(gaussian([2, 5, 4], 1)), before);
    }
    const some = keep(attention.featureMap('learned', { dim: 4, weights: given.weights }));
    assert.deepEqual(some.weights, { weights: given.weights });
    for (const [mapName, options] of [['elu', {}], ['hedgehog', {}], ['favor', {}], ['rff', { projection: gaussian([3, 4], 1) }], ['cosformer', { maxLength: 9 }]]) {
      assert.equal(keep(attention.featureMap(mapName, { dim: 4, ...options })).weights, null, mapName);
    }
  });

  test('what is no saved map is refused, and leaves nothing', (attention, keep) => {
    const map = keep(attention.featureMap('learned', { dim: 3, weights: gaussian([3, 8], 1), bias: gaussian([8], 2) }));
    const bytes = map.save();
    const changes = {
      'another name': ({ header }) => (header.map.name = 'learnt'),
      'a name that objects inherit': ({ header }) => (header.map.name = 'toString'),
      'no map': ({ header }) => delete header.map,
      'a map that is a list': ({ header }) => (header.map = []),
      'no options': ({ header }) => delete header.map.options,
      'an option that is not known': ({ header }) => (header.map.options.more = 1),
      'an activation that is not known': ({ header }) => (header.map.options.activation = 'softplus'),
      'a field of the map that is not known': ({ header }) => (header.map.more = 1),
      'a field that is not known': ({ header }) => (header.more = 1),
      'another dim': ({ header }) => (header.map.dim = 4),
      'no dim': ({ header }) => delete header.map.dim,
      'other heads': ({ header }) => (header.map.heads = 0),
      'no heads': ({ header }) => delete header.map.heads,
      'other features': ({ header }) => (header.map.features = 9),
      'no weights': ({ header }) => (header.sections[0].name = 'map.other'),
      'an option among the tensors': ({ header }) => (header.map.options.bias = 1),
      'a section that is not known': ({ header }) => (header.sections[1].name = 'state'),
      'weights of float64': ({ header }) => Object.assign(header.sections[0], { dtype: 'F64', shape: [3, 4] }),
    };
    const before = attention.memory;
    const refused = (given, what) => {
      throwsCode(() => attention.restoreMap(given), 'corrupt-state', what);
      assert.equal(attention.memory, before, what);
    };
    for (const [what, change] of Object.entries(changes)) refused(forge(bytes, change), what);
    for (const length of [0, 8, 15, 100, bytes.length - 1]) refused(bytes.slice(0, length), `${length} bytes`);
    refused(closeSaved(openSaved(bytes), 2), 'the layout of 0.1.0');
    for (let at = 0; at < bytes.length; at += 7) refused(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)), `byte ${at} flipped`);
    for (const wrong of [undefined, null, 'map', [...bytes], bytes.buffer]) throwsKind(() => attention.restoreMap(wrong), TypeError, /^bytes must be/);
    const added = forge(bytes, (file) => {
      file.header.sections.push({ name: 'map.later', dtype: 'F32', shape: [0], offset: file.payload.length, bytes: 0, required: false });
    });
    assert.deepEqual(keep(attention.restoreMap(added)).save(), bytes, 'a section that is not required');
  });

  test('the bytes of a state and of a map are not taken for each other', (attention, keep) => {
    const map = keep(attention.featureMap('favor', { dim: 3, features: 4 }));
    const state = keep(attention.state({ heads: 1, dim: 3, featureMap: map }));
    assert.throws(() => attention.restoreMap(state.save()), { code: 'corrupt-state', message: /it is a saved state, which restore\(\) takes/ });
    assert.throws(() => attention.restore(map.save()), { code: 'corrupt-state', message: /it is a saved feature map, which restoreMap\(\) takes/ });
  });

  test('damaged files: a map, or an error that says so', (attention) => {
    const uniform = mulberry32(5);
    const files = [['learned', { weights: gaussian([2, 3, 4], 1), activation: 'exp' }], ['hedgehog', { weights: gaussian([3, 2], 1), bias: gaussian([2], 2) }], ['favor', { features: 8 }]].map(([mapName, options]) => {
      const map = attention.featureMap(mapName, { dim: 3, ...options });
      const bytes = map.save();
      map.dispose();
      return bytes;
    });
    const used = attention.memory;
    let restored = 0;
    for (let i = 0; i < 3000; i++) {
      const bytes = files[i % files.length].slice();
      for (let n = Math.floor(uniform() * 3); n >= 0; n--) bytes[8 + Math.floor(uniform() * (bytes.length - 12))] ^= 1 << Math.floor(uniform() * 8);
      try {
        attention.restoreMap(reseal(bytes)).dispose();
        restored++;
      } catch ({ code, stack }) {
        assert.ok(['corrupt-state', 'out-of-memory'].includes(code), `file ${i}: ${stack}`);
      }
      assert.equal(attention.memory, used, `file ${i}: bytes still in use`);
    }
    assert.ok(restored > 100 && restored < 2900, `${restored} restored`);
  });

  test.run();
}
