/** Every feature map against float64, other people's code, and the kernels that the random ones stand for. */
import assert from 'node:assert';
import * as oracle from '../oracle.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, loadGolden, sliceTime, tensorOf } from '../util.js';
import { attentionSuite, dims } from './harness.js';
import { mapCases, omegaOf, perHeadRows } from './map_cases.js';

const golden = loadGolden('golden');
const transposed = ({ data, shape: [r, c] }) => ({
  data: Float32Array.from({ length: r * c }, (_, i) => data[(i % r) * c + Math.floor(i / r)]),
  shape: [c, r],
});

/** φ of x [..., T, d] in float64, the heads on the third axis from the end. */
function mapped(map, x, as) {
  const T = x.shape.at(-2);
  const heads = x.shape.at(-3) ?? 1;
  return perHeadRows(x, T).flatMap((rows, n) => map(rows, { as, head: n % heads }).flatMap((row) => [...row]));
}

export function featureMaps(name, make) {
  const test = attentionSuite(name, make);

  for (const { title, mapName, build, minDim = 1 } of mapCases) {
    test(`${title} against float64, as query and as key`, (attention, keep) => {
      for (const dim of dims.filter((d) => d >= minDim)) {
        const { options, reference } = build(dim);
        const map = keep(attention.featureMap(mapName, { dim, ...options }));
        for (const T of [1, 2, 5, 11]) {
          const x = gaussian([map.heads, T, dim], T, 1);
          for (const as of ['query', 'key']) {
            const { data, shape } = map.apply(x, { as });
            assert.deepEqual(shape, [map.heads, T, map.features]);
            assertClose(data, mapped(reference, x, as), { rule: 'features', name: `dim ${dim}, ${T} rows, ${as}` });
          }
        }
      }
    });

    test(`${title}: a row is the same alone, among others, and beside NaN and infinities`, (attention, keep) => {
      for (const dim of [minDim, 8, 33]) {
        const { options } = build(dim);
        const map = keep(attention.featureMap(mapName, { dim, ...options }));
        const x = gaussian([1, map.heads, 7, dim], 4);
        const spoilt = { data: x.data.slice(), shape: x.shape };
        const bad = [1, 4, 6];
        for (let head = 0; head < map.heads; head++)
          bad.forEach((t, i) => (spoilt.data[(head * 7 + t) * dim + (i % dim)] = [NaN, Infinity, -Infinity][i]));
        // With epsilon a key's features depend on the largest of the others: only queries have rows of their own.
        const whole = map.apply(x);
        const beside = map.apply(spoilt);
        for (let t = 0; t < 7; t++) {
          const alone = map.apply(sliceTime(x, t, t + 1), { position: t });
          assertSame(alone, sliceTime(whole, t, t + 1), `row ${t} alone`);
          const row = sliceTime(beside, t, t + 1);
          if (bad.includes(t)) {
            for (let head = 0; head < map.heads; head++)
              assert.ok(
                row.data.subarray(head * map.features, (head + 1) * map.features).some((f) => !Number.isFinite(f)),
                `row ${t} hides its ${['NaN', 'Infinity', '−Infinity'][bad.indexOf(t)]}, dim ${dim}`,
              );
          } else assertSame(row, sliceTime(whole, t, t + 1), `row ${t} beside others`);
        }
      }
    });

    test(`${title}: weights`, (attention, keep) => {
      const dim = 6;
      const { options, reference } = build(dim);
      const map = keep(attention.featureMap(mapName, { dim, ...options }));
      const heads = Math.max(map.heads, 2);
      const [q, k] = [1, 2].map((seed) => gaussian([2, heads, 21, dim], seed));
      for (const causal of [false, true]) {
        const expected = oracle.weights(q, k, { kind: 'linear', featureMap: reference, causal });
        const actual = attention.weights(q, k, { kind: 'linear', featureMap: map, causal });
        // A row whose sum is 0 is all 0.
        expected.data.forEach((w, i) => Number.isNaN(w) && (expected.data[i] = 0));
        // Where features cancel a row's sum may be nearly 0, and every digit is lost: compared where none is.
        if (mapName === 'rff' || mapName === 'identity') {
          for (let row = 0; row < expected.data.length; row += 21)
            if (expected.data.subarray(row, row + 21).some((w) => Math.abs(w) > 2))
              [expected, actual].forEach(({ data }) => data.fill(0, row, row + 21));
        }
        assertClose(actual, expected, { rule: 'weights', name: `causal ${causal}` });
      }
    });
  }

  test('a key whose exponent dwarfs all earlier ones leaves their causal weights alone', (attention, keep) => {
    const map = keep(attention.featureMap('favor', { dim: 4, features: 64, normTerm: false }));
    const q = gaussian([1, 1, 6, 4], 1);
    const k = gaussian([1, 1, 6, 4], 2);
    k.data.fill(200, 20);
    const w = attention.weights(q, k, { kind: 'linear', featureMap: map, causal: true });
    const before = attention.weights(sliceTime(q, 0, 5), sliceTime(k, 0, 5), { kind: 'linear', featureMap: map, causal: true });
    for (let t = 0; t < 5; t++) assertSame(w.data.subarray(t * 6, t * 6 + 5), before.data.subarray(t * 5, t * 5 + 5));
    assert.ok(w.data[35] > 0.999);
  });

  test('other codebases: fast-transformers, performer-pytorch, lolcats, T2R, Schlag et al.', (attention, keep) => {
    const compare = (caseName, mapName, optionsOf, pairs) => {
      const { in: input, out } = golden.get(caseName);
      for (const [from, to, as] of pairs) {
        const map = keep(attention.featureMap(mapName, { dim: input[from].shape[3], ...optionsOf(input) }));
        assertClose(map.apply(input[from], { as }), out[to], { rule: 'golden', name: `${caseName} ${to}` });
      }
    };
    const both = [
      ['q', 'fq', 'query'],
      ['k', 'fk', 'key'],
    ];
    compare('features.rff', 'rff', ({ w }) => ({ projection: transposed(w), gaussian: true }), both);
    compare('features.favor_hyp', 'favor', ({ w }) => ({ projection: transposed(w), hyperbolic: true }), both);
    compare('favor.performer', 'favor', ({ w }) => ({ projection: w, epsilon: 1e-4 }), both);
    compare('features.hedgehog', 'hedgehog', ({ w }) => ({ weights: w }), [['x', 'f']]);
    compare('features.t2r', 'learned', ({ w, b }) => ({ weights: w, bias: b }), [['x', 'f']]);
    for (const nu of [1, 3]) compare(`features.dpfp.${nu}`, 'dpfp', () => ({ nu }), [['x', 'f']]);
  });

  test('hedgehog of rows far from 0 on either side', (attention, keep) => {
    const dim = 5;
    const x = tensorOf([1, 4, dim], (i) => [-90, 90, 0, -300][Math.floor(i / dim)] + (i % dim));
    for (const dialect of ['separate', 'joint']) {
      const map = keep(attention.featureMap('hedgehog', { dim, dialect }));
      assertClose(map.apply(x), mapped(oracle.hedgehog({ dialect }), x, 'query'), { rule: 'features', name: dialect });
    }
  });

  test('the mean over seeds is the kernel', (attention) => {
    const dim = 8;
    const [x, y] = [gaussian([1, dim], 3, 0.6), gaussian([1, dim], 4, 0.6)];
    const [a, b] = [x, y].map(({ data }) => [...data]);
    const softmax = Math.exp(a.reduce((sum, value, i) => sum + value * b[i], 0) / Math.sqrt(dim));
    const gaussianKernel = Math.exp(-a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / (2 * Math.sqrt(dim)));
    for (const [mapName, options, kernel] of [
      ['favor', {}, softmax],
      ['favor', { orthogonal: false }, softmax],
      ['favor', { hyperbolic: true }, softmax],
      ['rff', {}, softmax],
      ['rff', { gaussian: true }, gaussianKernel],
    ]) {
      let sum = 0;
      for (let seed = 0; seed < 60; seed++) {
        const map = attention.featureMap(mapName, { dim, features: 256, seed, ...options });
        const [fx, fy] = [map.apply(x), map.apply(y, { as: 'key' })];
        fx.data.forEach((f, i) => (sum += f * fy.data[i]));
        map.dispose();
      }
      const ratio = sum / 60 / kernel;
      assert.ok(Math.abs(ratio - 1) < 0.05, `${mapName} ${JSON.stringify(options)}: ${ratio} of the kernel`);
    }
  });

  test('a seed gives the rows that the generator defines', (attention, keep) => {
    for (const seed of [0, 1, 7, 2 ** 32, 2 ** 53 - 1]) {
      for (const orthogonal of [true, false]) {
        const settings = { seed, heads: 2, rows: 11, dim: 4, orthogonal };
        const map = keep(attention.featureMap('favor', { dim: 4, heads: 2, features: 11, seed, orthogonal, normTerm: false }));
        const expected = oracle.randomRows(settings);
        omegaOf(map).forEach((rows, head) => assertClose(rows.flat(), expected[head].flatMap((row) => [...row]), { rule: 'features' }));
      }
    }
  });

  test('a seed gives these bits, everywhere', (attention, keep) => {
    const map = keep(attention.featureMap('rff', { dim: 3, features: 8, seed: 42 }));
    const { data } = map.apply({ data: Float32Array.of(0.5, -1, 2), shape: [1, 3] });
    const bits = Uint32Array.of(0x400dbe99, 0xc011a8b0, 0x400c7847, 0x3f8055db, 0xbf06323f, 0x3c3a4d26, 0x3f1a2847, 0xc002c3ea);
    const expected = new Float32Array(bits.buffer);
    // The rows are drawn alike in every build; what the relaxed builds compute from them rounds as the processor does.
    if (attention.build === 'relaxed') assertClose(data, expected, { rule: 'linear' });
    else assertSame(data, expected);
  });

  test('rows are orthogonal in blocks of dim, with the norms of normal vectors', (attention, keep) => {
    const dim = 16;
    const map = keep(attention.featureMap('favor', { dim, features: 40, seed: 5, normTerm: false }));
    const [rows] = omegaOf(map);
    const product = (r, s) => rows[r].reduce((sum, w, i) => sum + w * rows[s][i], 0);
    for (let r = 0; r < 40; r++) {
      for (let s = 0; s < r; s++)
        if (Math.floor(r / dim) === Math.floor(s / dim)) assert.ok(Math.abs(product(r, s)) < 1e-4, `${r}·${s} is ${product(r, s)}`);
    }
    const squares = rows.map((_, r) => product(r, r));
    const mean = squares.reduce((sum, n) => sum + n, 0) / 40;
    const deviation = Math.sqrt(squares.reduce((sum, n) => sum + (n - mean) ** 2, 0) / 40);
    // χ² of 16 degrees: mean 16, deviation √32.
    assert.ok(Math.abs(mean - dim) < 3 && Math.abs(deviation - Math.sqrt(2 * dim)) < 2.5, `${mean} ± ${deviation}`);
  });

  test('position: cosFormer weighs a part of a sequence as the whole does', (attention, keep) => {
    const map = keep(attention.featureMap('cosformer', { dim: 5, maxLength: 30 }));
    const x = gaussian([2, 3, 30, 5], 1);
    const whole = map.apply(x);
    assertSame(map.apply(sliceTime(x, 11, 30), { position: 11 }), sliceTime(whole, 11, 30));
  });

  test('large inputs overflow only where φ does', (attention, keep) => {
    const map = keep(attention.featureMap('favor', { dim: 1, projection: { data: Float32Array.of(1, -1), shape: [2, 1] }, normTerm: false }));
    const { data } = map.apply({ data: Float32Array.of(80, 88, 90, -80), shape: [4, 1] });
    assertClose(data.subarray(0, 4), [80, -80, 88, -88].map((u) => Math.fround(Math.exp(u) / Math.SQRT2)), { rule: 'features' });
    assert.deepEqual([data[4], data[6] < 1e-30], [Infinity, true]);
  });

  test('rff of a vector whose norm overflows is not finite', (attention, keep) => {
    const map = keep(attention.featureMap('rff', { dim: 2, features: 6 }));
    const { data } = map.apply({ data: Float32Array.of(1e20, 1e20, 1, 1), shape: [2, 2] });
    assert.ok(data.subarray(0, 6).every((x) => !Number.isFinite(x)), `${data}`);
    assert.ok(data.subarray(6).every(Number.isFinite));
  });

  test.run();
}
