/** Dense layers, layer norm and sampling of linear-attention-wasm/nn. */
import assert from 'node:assert';
import { dense, layerNorm, sampler, toFloat32 } from '../../web/nn.js';
import * as oracle from '../oracle/nn.js';
import { assertClose, assertSame } from '../tolerance.js';
import { gaussian, guarded, poison, reshape, tensorOf } from '../util.js';
import { attentionSuite, throwsCode } from './harness.js';
import * as wrong from './wrong.js';

const { range, type } = wrong;

/** Widths around the panel of 16, the tile of 8 and the vector of 4. */
const widths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100];
/** Rows around the tile of 4 and the block of 64. */
const rowCounts = [0, 1, 2, 3, 4, 5, 8, 63, 64, 65, 130];

const sliceRows = ({ data, shape: [rows, width] }, count) => ({ data: data.subarray(0, (data.length / rows) * count), shape: [count, width] });

export function nn(name, make) {
  const test = attentionSuite(name, make);

  test('dense: every width and number of rows', (attention, keep) => {
    for (const [inputs, outputs] of [...widths.map((n) => [n, 20]), ...widths.map((n) => [6, n]), [512, 128]]) {
      const [weight, bias] = [gaussian([outputs, inputs], 1), gaussian([outputs], 2)];
      const layer = keep(dense(attention, { weight, bias }));
      for (const rows of inputs === 6 || inputs === 512 ? rowCounts : [1, 5]) {
        const x = gaussian([rows, inputs], 3);
        assertClose(layer.apply(x), oracle.dense(x, weight, bias), { rule: 'linear', name: `${rows} × ${inputs} → ${outputs}` });
      }
    }
  });

  test('dense: no bias, relu, residual, all at once', (attention, keep) => {
    for (const outputs of [16, 21]) {
      const [weight, bias] = [gaussian([outputs, 9], 1), gaussian([outputs], 2)];
      for (const rows of [1, 6]) {
        const [x, residual] = [gaussian([rows, 9], 3), gaussian([rows, outputs], 4)];
        for (const activation of ['none', 'relu']) {
          for (const b of [bias, undefined]) {
            const layer = keep(dense(attention, { weight, bias: b, activation }));
            for (const r of [residual, undefined]) {
              assertClose(layer.apply(x, { residual: r }), oracle.dense(x, weight, b, { activation, residual: r }), { rule: 'linear' });
            }
          }
        }
      }
    }
  });

  test('dense: a row has the same bits alone and among others', (attention, keep) => {
    const layer = keep(dense(attention, { weight: gaussian([50, 37], 1), bias: gaussian([50], 2), activation: 'relu' }));
    const x = gaussian([70, 37], 3);
    const together = layer.apply(x).data;
    for (let r = 0; r < 70; r++) assertSame(layer.apply({ data: x.data.subarray(r * 37, (r + 1) * 37), shape: [37] }), together.subarray(r * 50, (r + 1) * 50));
  });

  test('dense: the last axes may multiply to the inputs, the leading ones are kept', (attention, keep) => {
    const layer = keep(dense(attention, { weight: gaussian([5, 12], 1) }));
    const { data } = gaussian([2, 3, 12], 2);
    assert.deepEqual(layer.apply({ data, shape: [2, 3, 12] }).shape, [2, 3, 5]);
    assert.deepEqual(layer.apply({ data, shape: [2, 3, 4, 3] }).shape, [2, 3, 5]);
    assert.deepEqual(layer.apply({ data: data.subarray(0, 12), shape: [12] }).shape, [5]);
    const out = keep(attention.tensor([6, 5, 1]));
    assert.equal(layer.apply({ data, shape: [6, 12] }, { out }), out);
  });

  test('dense: residual may be out, resident or not; what lies around out is left alone', (attention, keep) => {
    const [weight, x, residual] = [gaussian([21, 9], 1), gaussian([6, 9], 2), gaussian([6, 21], 3)];
    const layer = keep(dense(attention, { weight }));
    const expected = layer.apply(x, { residual });
    const resident = keep(attention.tensor([6, 21], residual.data));
    assertSame(layer.apply(x, { residual: resident, out: resident }).data, expected.data);
    const { out, check } = guarded(6 * 21);
    out.set(residual.data);
    assertSame(layer.apply(x, { residual: { data: out, shape: [6, 21] }, out }).data, expected.data);
    check();
  });

  test('dense: several outs get the outputs in order', (attention, keep) => {
    const layer = keep(dense(attention, { weight: gaussian([37, 9], 1), bias: gaussian([37], 2) }));
    for (const rows of [1, 6]) {
      const x = gaussian([rows, 9], 3);
      const whole = layer.apply(x).data;
      const out = [16, 16, 5].map((width) => keep(attention.tensor([rows, width], poison(rows * width))));
      assert.equal(layer.apply(x, { out }), out);
      for (let r = 0; r < rows; r++) {
        const row = out.flatMap((part) => [...part.data.subarray((r * part.data.length) / rows, ((r + 1) * part.data.length) / rows)]);
        assertSame(Float32Array.from(row), whole.subarray(r * 37, (r + 1) * 37));
      }
    }
  });

  test('dense: NaN and infinities reach their own rows only, and pass as IEEE says', (attention, keep) => {
    const layer = keep(dense(attention, { weight: tensorOf([20, 8], () => 1), activation: 'relu' }));
    const x = gaussian([5, 8], 1);
    const clean = layer.apply(x).data;
    x.data.set([NaN], 0);
    x.data.set([Infinity], 3 * 8 + 2);
    const { data } = layer.apply(x);
    for (const r of [1, 2, 4]) assertSame(data.subarray(r * 20, (r + 1) * 20), clean.subarray(r * 20, (r + 1) * 20));
    assert.ok(data.subarray(0, 20).every(Number.isNaN));
    assert.ok(data.subarray(60, 80).every((value) => value === Infinity));
  });

  test('dense: float16 weights are their float32 values', (attention, keep) => {
    // 1, −2, the largest, the smallest normal, the smallest subnormal, 0.1 rounded
    const half = { dtype: 'F16', shape: [1, 6], data: Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x2e66) };
    const exact = [1, -2, 65504, 2 ** -14, 2 ** -24, 0.0999755859375];
    assert.deepEqual([...toFloat32(half).data], exact);
    const layer = keep(dense(attention, { weight: half }));
    exact.forEach((value, i) => assert.equal(layer.apply(tensorOf([6], (j) => (i === j ? 1 : 0))).data[0], value));
  });

  test('layerNorm: every width, in place too, rows far from zero', (attention, keep) => {
    for (const width of [...widths, 128]) {
      const [weight, bias, x] = [gaussian([width], 1), gaussian([width], 2), gaussian([5, width], 3)];
      const layer = keep(layerNorm(attention, { weight, bias, eps: 1e-3 }));
      const expected = oracle.layerNorm(x, weight, bias, 1e-3);
      assertClose(layer.apply(x), expected, { rule: 'linear', name: `width ${width}` });
      const inPlace = keep(attention.tensor(x.shape, x.data));
      assertClose(layer.apply(inPlace, { out: inPlace }).data, expected.data, { rule: 'linear' });
    }
    const far = tensorOf([1, 64], (i) => 1000 + (i % 2));
    const layer = keep(layerNorm(attention, { weight: tensorOf([64], () => 1), bias: tensorOf([64], () => 0) }));
    assertClose(layer.apply(far), oracle.layerNorm(far, tensorOf([64], () => 1), tensorOf([64], () => 0), 1e-5), { rule: 'golden' });
  });

  test('wrong arguments of layers are refused, and change nothing', (attention, keep) => {
    const [weight, bias, x] = [gaussian([20, 6], 1), gaussian([20], 2), gaussian([3, 6], 3)];
    const layer = keep(dense(attention, { weight, bias }));
    const square = keep(dense(attention, { weight: gaussian([6, 6], 1) }));
    const resident = keep(attention.tensor([3, 6], x.data));
    const misshapen = keep(attention.tensor([3, 7]));
    const short = keep(attention.tensor([3, 16]));
    const making = (options) => dense(attention, { weight, bias, ...options });
    const call = ({ x }, options) => layer.apply(x, options);
    const rows = [
      ...wrong.tensors(['x'], call),
      range('x of another width', 'x', () => layer.apply(gaussian([3, 5], 1))),
      ...wrong.options(call),
      ...wrong.out(60, misshapen, call).filter(([what]) => what !== 'out: []'),
      range('out that is x', 'out', () => square.apply(resident, { out: resident })),
      range('residual that overlaps out', 'out', () => square.apply(sliceRows(x, 2), { residual: { data: resident.data.subarray(0, 12), shape: [2, 6] }, out: resident.data.subarray(6) })),
      range('several outs, none given', 'out', () => layer.apply(x, { out: [] })),
      type('several outs that are arrays', 'out', ({ x }) => layer.apply(x, { out: [new Float32Array(60)] })),
      range('several outs that are too few', 'out', ({ x }) => layer.apply(x, { out: [short] })),
      range('several outs that are one', 'out', ({ x }) => layer.apply(x, { out: [short, short] })),
      type('several outs and a residual', 'residual', ({ x }) => layer.apply(x, { out: [short], residual: x })),
      range('residual of another size', 'residual', ({ x }) => layer.apply(x, { residual: gaussian([3, 19], 1) })),
      ...[undefined, null, 3, 'w', {}, new Float32Array(4)].map((value) => type(`weight ${value}`, 'weight', () => making({ weight: value }))),
      ...[gaussian([20], 1), gaussian([1, 20, 6], 1), { data: new Float32Array(0), shape: [0, 6] }].map((value) => range('weight shape', 'weight', () => making({ weight: value }))),
      range('bias of another length', 'bias', () => making({ bias: gaussian([6], 1) })),
      range('an unknown dtype', 'dtype', () => making({ weight: { ...weight, dtype: 'F8' } })),
      type('dtype of another array', 'data', () => making({ weight: { ...weight, dtype: 'F16' } })),
      ...wrong.wrongKind('activation', [1, null], (_, options) => making(options)),
      ...wrong.wrongValue('activation', ['gelu', 'toString'], (_, options) => making(options)),
      type('unknown option', 'width', () => making({ width: 1 })),
      type('no attention', 'attention', () => dense({}, { weight })),
    ];
    wrong.refuse(attention, rows, () => ({ x: reshape(x, [3, 6]) }));
  });

  test('layerNorm: rows whose squares overflow or underflow', (attention, keep) => {
    const [one, zero] = [1, 0].map((value) => tensorOf([70], () => value));
    const layer = keep(layerNorm(attention, { weight: one, bias: zero, eps: 0 }));
    for (const size of [1e-30, 1e-20, 1e20, 1e36]) {
      const x = gaussian([3, 70], 5);
      x.data.forEach((value, i) => (x.data[i] = value * size));
      assertClose(layer.apply(x), oracle.layerNorm(x, one, zero, 0), { rule: 'linear', name: `rows of ${size}` });
    }
  });

  test('wrong arguments of layerNorm and sampler are refused, and change nothing', (attention, keep) => {
    const vector = gaussian([6], 1);
    const norm = keep(layerNorm(attention, { weight: vector, bias: vector }));
    const draws = keep(sampler(attention, { batch: 2 }));
    const makingNorm = (_, options) => layerNorm(attention, { weight: vector, bias: vector, ...options });
    const making = (_, options) => sampler(attention, options);
    const rows = [
      ...wrong.tensors(['x'], ({ x }, options) => norm.apply(x, options)),
      range('x of another width', 'x', () => norm.apply(gaussian([3, 5], 1))),
      type('no bias', 'bias', () => makingNorm({}, { bias: undefined })),
      range('bias of another length', 'bias', () => makingNorm({}, { bias: gaussian([5], 1) })),
      ...wrong.number('eps', [-1, Infinity], makingNorm),
      ...wrong.number('batch', [0, -1, 1.5, Infinity], making),
      ...wrong.number('seed', [-1, 2 ** 32, 0.5], making),
      ...wrong.number('stream', [-1, 2 ** 32, 0.5], making),
      ...wrong.number('temperature', [-1, Infinity], making),
      type('no logits', 'logits', () => draws.sample()),
      range('logits of another batch', 'logits', () => draws.sample(gaussian([3, 4], 1))),
      range('no classes', 'logits', () => draws.sample({ data: new Float32Array(0), shape: [2, 0] })),
    ];
    wrong.refuse(attention, rows, () => ({ x: gaussian([3, 6], 2) }));
  });

  test('disposed layers are refused, and may be disposed of again', (attention) => {
    const vector = gaussian([6], 1);
    const layers = [
      [dense(attention, { weight: gaussian([4, 6], 1) }), 'apply'],
      [layerNorm(attention, { weight: vector, bias: vector }), 'apply'],
      [sampler(attention), 'sample'],
    ];
    for (const [layer, method] of layers) {
      layer.dispose();
      layer.dispose();
      throwsCode(() => layer[method](gaussian([6], 1)), 'disposed', method);
    }
  });

  test('dense: several outs of no rows, and one of no outputs', (attention, keep) => {
    const weight = gaussian([32, 4], 1);
    const layer = keep(dense(attention, { weight }));
    const outs = (...shapes) => shapes.map((shape) => keep(attention.tensor(shape)));
    const none = outs([0, 16], [0, 16]);
    assert.equal(layer.apply(gaussian([0, 4], 2), { out: none }), none);
    const x = gaussian([2, 4], 2);
    const [all] = layer.apply(x, { out: outs([2, 32], [2, 0]) });
    assertSame(all.data, layer.apply(x).data);
    wrong.refuse(attention, [range('outs of rows for no rows', 'out', () => layer.apply(gaussian([0, 4], 2), { out: [all] }))], () => ({}));
  });

  test('dense: the out that is not a multiple of 16 wide is named', (attention, keep) => {
    const layer = keep(dense(attention, { weight: gaussian([24, 4], 1) }));
    const out = [8, 8, 8].map((width) => keep(attention.tensor([2, width])));
    wrong.refuse(attention, [range('narrow outs', 'out\\[0\\]', () => layer.apply(gaussian([2, 4], 2), { out }))], () => ({}));
  });

  test('weights may be ndarrays whose elements lie row by row', (attention, keep) => {
    const { data, shape } = gaussian([3, 2], 1);
    const x = gaussian([2], 2);
    const expected = keep(dense(attention, { weight: { data, shape } })).apply(x);
    assertSame(keep(dense(attention, { weight: { data, shape, stride: [2, 1], offset: 0, dtype: 'float32' } })).apply(x), expected);
    wrong.refuse(attention, [range('a transposed view', 'weight', () => dense(attention, { weight: { data, shape, stride: [1, 3], offset: 0 } }))], () => ({}));
  });

  test('weights that lie in the module survive the growth that packing them causes', async () => {
    const attention = await make();
    const { data } = gaussian([1000], 1);
    const large = attention.tensor([2000, 1000], tensorOf([2000, 1000], (i) => data[i % 1000]).data);
    const x = gaussian([1, 1000], 2);
    const size = () => large.data.buffer.byteLength;
    const before = size();
    const layer = dense(attention, { weight: large });
    assert.ok(size() > before, 'this test needs growth');
    assertClose(layer.apply(x), oracle.dense(x, { data: large.data, shape: [2000, 1000] }, null), { rule: 'linear' });
    const vector = attention.tensor([60000], tensorOf([60000], (i) => i % 7).data);
    const norms = [];
    for (const grown = size(); size() === grown; ) norms.push(layerNorm(attention, { weight: vector, bias: vector }));
    const row = gaussian([60000], 3);
    assertSame(norms.at(-1).apply(row), norms[0].apply(row));
    attention.dispose();
  });

  test.run();
}
