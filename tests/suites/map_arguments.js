/** What feature maps refuse, whose memory they hold, and how states carry them. */
import assert from 'node:assert';
import { reseal } from '../saved_file.js';
import { assertSame } from '../tolerance.js';
import { gaussian, inputs } from '../util.js';
import { attentionSuite, throwsCode, throwsKind } from './harness.js';
import { mapCases } from './map_cases.js';
import * as wrong from './wrong.js';

const { range, type } = wrong;
const named = ['favor', 'rff', 'dpfp', 'taylor', 'hedgehog'];

export function mapArguments(name, make) {
  const test = attentionSuite(name, make);
  const refuses = (title, rows) => test(title, (attention) => wrong.refuse(attention, rows(attention), () => ({})));
  const maker = (attention, mapName, good) => (_, options) => attention.featureMap(mapName, { dim: 4, ...good, ...options });

  for (const mapName of ['favor', 'rff']) {
    refuses(`${mapName}: options`, (attention) => {
      const call = maker(attention, mapName);
      const shaped = (...shape) => () => call({}, { projection: gaussian(shape, 1) });
      return [
        ...wrong.number('features', [0, -1, 1.5, 65537], call),
        ...wrong.number('seed', [-1, 0.5, 2 ** 53], call),
        ...wrong.number('heads', [0, 1.5], call),
        ...wrong.boolean('orthogonal', call),
        ...wrong.wrongKind('projection', [1, null, 'w', {}, new Float32Array(8)], call),
        range('rows of another dim', 'projection', shaped(6, 5)),
        range('a projection of rank 1', 'projection', shaped(4)),
        range('a projection of rank 4', 'projection', shaped(1, 2, 6, 4)),
        range('no row', 'projection', shaped(0, 4)),
        range('heads that differ', 'projection', () => call({}, { heads: 3, projection: gaussian([2, 6, 4], 1) })),
        range('features that differ', 'features', () => call({}, { features: 10, projection: gaussian([6, 4], 1) })),
        type('a projection and a seed', 'seed', () => call({}, { seed: 1, projection: gaussian([6, 4], 1) })),
        type('another map’s option', 'nu', () => call({}, { nu: 1 })),
      ];
    });
  }

  refuses('favor and rff: what only one of them takes', (attention) => {
    const favor = maker(attention, 'favor');
    const rff = maker(attention, 'rff');
    return [
      ...wrong.boolean('hyperbolic', favor),
      ...wrong.boolean('normTerm', favor),
      ...wrong.number('epsilon', [-1e-9, Infinity], favor),
      ...wrong.boolean('gaussian', rff),
      range('odd features of favor', 'features', () => favor({}, { features: 5, hyperbolic: true })),
      range('odd features of rff', 'features', () => rff({}, { features: 5 })),
    ];
  });

  refuses('dpfp, hedgehog, learned, cosformer', (attention) => {
    const hedgehog = maker(attention, 'hedgehog');
    const learned = maker(attention, 'learned', { weights: gaussian([2, 4, 6], 1) });
    const cosformer = maker(attention, 'cosformer', { maxLength: 10 });
    return [
      ...wrong.number('nu', [0, 8, 1.5], maker(attention, 'dpfp')),
      ...wrong.wrongKind('dialect', [1, null], hedgehog),
      ...wrong.wrongValue('dialect', ['', 'both'], hedgehog),
      ...wrong.number('features', [0, -2, 1.5, 65538], hedgehog),
      range('odd features of hedgehog', 'features', () => hedgehog({}, { features: 7 })),
      type('features of hedgehog that the identity does not make', 'weights', () => hedgehog({}, { features: 6 })),
      type('a bias of hedgehog that the identity does not go with', 'weights', () => hedgehog({}, { bias: gaussian([3], 1) })),
      type('weights of hedgehog for keys alone', 'weights', () => hedgehog({}, { keyWeights: gaussian([4, 6], 1) })),
      range('features of hedgehog that the weights do not make', 'weights', () => hedgehog({}, { features: 6, weights: gaussian([4, 6], 1) })),
      range('keyWeights of hedgehog of other columns', 'keyWeights', () => hedgehog({}, { weights: gaussian([4, 6], 1), keyWeights: gaussian([4, 4], 1) })),
      range('weights of hedgehog of another dim', 'weights', () => hedgehog({}, { weights: gaussian([5, 4], 1) })),
      type('no weights', 'weights', () => learned({}, { weights: undefined })),
      ...wrong.wrongKind('activation', [1, null, true], learned),
      ...wrong.wrongValue('activation', ['', 'softplus', 'EXP'], learned),
      ...['weights', 'bias', 'keyWeights', 'keyBias'].flatMap((key) => wrong.wrongKind(key, [1, null, [1], {}], learned)),
      range('a bias of other columns', 'bias', () => learned({}, { bias: gaussian([2, 5], 1) })),
      range('a bias of other heads', 'bias', () => learned({}, { bias: gaussian([3, 6], 1) })),
      range('keyWeights of other columns', 'keyWeights', () => learned({}, { keyWeights: gaussian([2, 4, 5], 1) })),
      range('heads that differ', 'weights', () => learned({}, { heads: 3 })),
      ...wrong.number('maxLength', [0, 1.5, 2 ** 31], cosformer),
      type('no maxLength', 'maxLength', () => cosformer({}, { maxLength: undefined })),
      range('a place past maxLength', 'maxLength', () => cosformer({}).apply(gaussian([11, 4], 1))),
      range('a position past maxLength', 'maxLength', () => cosformer({}).apply(gaussian([3, 4], 1), { position: 8 })),
      ...wrong.number('position', [-1, 0.5], (_, options) => cosformer({}).apply(gaussian([3, 4], 1), options)),
    ];
  });

  test('learned and cosformer say what they need where a name is not enough', (attention) => {
    const { q, k, v } = inputs({ T: 3, dim: 4 });
    throwsKind(() => attention.weights(q, k, { kind: 'linear', featureMap: 'learned' }), TypeError, /needs weights/);
    throwsKind(() => attention.gap(q, k, v, { featureMap: 'cosformer' }), TypeError, /needs maxLength/);
  });

  test('hedgehog: features follow from the weights', (attention, keep) => {
    const features = (options) => keep(attention.featureMap('hedgehog', { dim: 4, ...options })).features;
    assert.deepEqual([{}, { features: 8 }, { weights: gaussian([4, 3], 1) }, { weights: gaussian([2, 4, 3], 1), features: 6 }, { weights: gaussian([4, 1], 1), dialect: 'joint' }].map(features), [8, 8, 6, 6, 2]);
  });

  test('maps of as many weights, but of other columns, are two maps', (attention, keep) => {
    const weights = gaussian([2, 4, 3], 1);
    for (const mapName of ['hedgehog', 'learned']) {
      const [aHead, shared] = [weights, { ...weights, shape: [4, 6] }].map((given) => keep(attention.featureMap(mapName, { dim: 4, heads: 2, weights: given })));
      const { q, k, v } = inputs({ heads: 2, T: 3, dim: 4 });
      const state = keep(attention.state({ heads: 2, dim: 4, featureMap: shared }));
      throwsKind(() => attention.linear(q, k, v, { state, featureMap: aHead }), RangeError, /\bfeatureMap\b/);
    }
  });

  test('weights a head ask for inputs with heads', (attention, keep) => {
    const map = keep(attention.featureMap('hedgehog', { dim: 4, heads: 2 }));
    throwsKind(() => map.apply(gaussian([5, 4], 1)), RangeError, /\bx\b/);
    throwsKind(() => map.apply(gaussian([3, 5, 4], 1)), RangeError, /\bx\b/);
    assert.deepEqual(map.apply(gaussian([2, 4, 5, 4], 1)).shape, [2, 4, 5, 8]);
    const [q, k] = [gaussian([1, 6, 5, 4], 1), gaussian([1, 3, 5, 4], 2)];
    throwsKind(() => attention.weights(q, k, { kind: 'linear', featureMap: map }), RangeError, /\bfeatureMap\b/);
  });

  test('names come with the defaults, and are counted once', async () => {
    const attention = await make();
    const x = gaussian([3, 6], 1);
    const defaults = { favor: 24, rff: 24, dpfp: 12, taylor: 28, hedgehog: 12 };
    const [q, k] = [gaussian([1, 1, 5, 6], 1), gaussian([1, 1, 5, 6], 2)];
    let owned = 0;
    for (const mapName of named) {
      const map = attention.featureMap(mapName, { dim: 6 });
      assert.equal(map.features, defaults[mapName], mapName);
      assert.equal(map.apply(x).data.length, 3 * map.features);
      const [byName, byMap] = [mapName, map].map((featureMap) => attention.weights(q, k, { kind: 'linear', featureMap }));
      assertSame(byName, byMap);
      owned += map.bytes;
      map.dispose();
      assert.equal(attention.memory, owned, mapName);
    }
    attention.dispose();
  });

  test('a disposed map is refused, and may be disposed of again', (attention) => {
    const { q, k, v } = inputs({ T: 3, dim: 4 });
    for (const mapName of ['elu', 'favor']) {
      const map = attention.featureMap(mapName, { dim: 4 });
      const state = attention.state({ heads: 1, dim: 4, featureMap: map });
      map.dispose();
      map[Symbol.dispose]?.();
      const calls = {
        apply: () => map.apply(q),
        weights: () => attention.weights(q, k, { kind: 'linear', featureMap: map }),
        gap: () => attention.gap(q, k, v, { featureMap: map }),
        linear: () => attention.linear(q, k, v, { featureMap: map }),
        state: () => attention.state({ heads: 1, dim: 4, featureMap: map }),
      };
      for (const [what, call] of Object.entries(calls)) throwsCode(call, 'disposed', `${mapName}: ${what}`);
      state.dispose();
    }
  });

  test('a map keeps its own copy of the weights, and takes resident ones', (attention, keep) => {
    const weights = gaussian([4, 6], 1);
    const resident = keep(attention.tensor(weights.shape, weights.data));
    const maps = [weights, resident].map((given) => keep(attention.featureMap('learned', { dim: 4, weights: given })));
    const x = gaussian([5, 4], 2);
    const before = maps[0].apply(x);
    weights.data.fill(0);
    resident.data.fill(0);
    for (const map of maps) assertSame(map.apply(x), before);
    assert.equal(maps[0].bytes, 4 * 8 * 4);
  });

  test("another instance's map is refused", async (attention) => {
    const other = await make();
    const [q, k] = [gaussian([1, 1, 5, 4], 1), gaussian([1, 1, 5, 4], 2)];
    const map = other.featureMap('taylor', { dim: 4 });
    throwsKind(() => attention.weights(q, k, { kind: 'linear', featureMap: map }), RangeError, /\bfeatureMap\b/);
    other.dispose();
  });

  for (const { title, mapName, build } of mapCases) {
    test(`a saved state brings its map back: ${title}`, async (attention, keep) => {
      const map = keep(attention.featureMap(mapName, { dim: 5, ...build(5).options }));
      const state = keep(attention.state({ heads: map.heads, dim: 5, valueDim: 2, featureMap: map }));
      const bytes = state.save();
      const other = await make();
      const x = gaussian([map.heads, 6, 5], 3);
      for (const instance of [attention, other]) {
        const restored = instance.restore(bytes);
        for (const as of ['query', 'key']) assertSame(restored.featureMap.apply(x, { as }), map.apply(x, { as }));
        assert.deepEqual(restored.featureMap.options, map.options);
        assert.deepEqual(restored.save(), bytes);
        const again = instance.restore(bytes);
        assert.equal(again.featureMap, restored.featureMap);
        for (const one of [restored, again]) one.dispose();
      }
      assert.equal(other.memory, 0);
      other.dispose();
    });
  }

  test('a seed is saved as a number, not as its rows', (attention, keep) => {
    const map = keep(attention.featureMap('favor', { dim: 64, features: 256, seed: 2 ** 52 + 1 }));
    const state = keep(attention.state({ heads: 1, dim: 64, valueDim: 1, featureMap: map }));
    const bytes = state.save();
    assert.ok(bytes.length < state.bytes + 800, `${bytes.length} bytes`);
    const x = gaussian([2, 64], 1);
    const restored = keep(attention.restore(bytes));
    assertSame(restored.featureMap.apply(x), map.apply(x));
  });

  test('a forged map under a right checksum is refused', (attention, keep) => {
    const map = keep(attention.featureMap('learned', { dim: 3, weights: gaussian([3, 8], 1) }));
    const bytes = keep(attention.state({ heads: 1, dim: 3, featureMap: map })).save();
    const text = new TextDecoder('latin1').decode(bytes);
    const before = attention.memory;
    for (const [from, to] of [['"learned"', '"learnee"'], ['"learned"', '"favorxy"'], ['"dim":3', '"dim":0'], ['"dim":3', '"dim":4'], ['"heads":1', '"heads":0'], ['[3,8]', '[8,3]'], ['[3,8]', '[3,9]'], ['[3,8]', '"3,8'], ['.weights"', '.weightz"'], ['"options"', '"optionz"']]) {
      const at = text.indexOf(from);
      assert.ok(at > 0, from);
      const forged = bytes.slice();
      for (let i = 0; i < to.length; i++) forged[at + i] = to.charCodeAt(i);
      throwsCode(() => attention.restore(reseal(forged)), 'corrupt-state', `${from} as ${to}`);
      assert.equal(attention.memory, before, to);
    }
  });

  test.run();
}
