/** Tensors as other libraries make them: floats of 16 bits, 64-bit integers, and what has to be converted first. */
import assert from 'node:assert';
import { LinearAttention } from '../../web/onnx.js';
import { dense, layerNorm, toFloat32 } from '../../web/nn.js';
import { assertSame } from '../tolerance.js';
import { gaussian, inputs, sizeOf, tensorOf } from '../util.js';
import { attentionSuite, throwsKind } from './harness.js';

/** The bits of float16 numbers that are nothing but small multiples of 1/8, and of bfloat16 ones. */
const half = (x) => (x === 0 ? 0 : ((x < 0 ? 0x8000 : 0) | ((Math.floor(Math.log2(Math.abs(x))) + 15) << 10)) + Math.round((Math.abs(x) / 2 ** Math.floor(Math.log2(Math.abs(x))) - 1) * 1024));
const brain = (x) => new Uint32Array(Float32Array.of(x).buffer)[0] >>> 16;

/** The same tensor in 16 bits, as onnxruntime and transformers.js, files, and engines with Float16Array have it. */
const forms = {
  "type: 'float16'": ({ data, shape }) => ({ data: Uint16Array.from(data, half), dims: shape, type: 'float16' }),
  "dtype: 'F16'": ({ data, shape }) => ({ data: Uint16Array.from(data, half), shape, dtype: 'F16' }),
  "dtype: 'bfloat16'": ({ data, shape }) => ({ data: Uint16Array.from(data, brain), shape, dtype: 'bfloat16' }),
  "dtype: 'BF16'": ({ data, shape }) => ({ data: Uint16Array.from(data, brain), shape, dtype: 'BF16' }),
  ...(globalThis.Float16Array && {
    Float16Array: ({ data, shape }) => ({ data: Float16Array.from(data), shape }),
    "Float16Array, type: 'float16'": ({ data, shape }) => ({ data: Float16Array.from(data), dims: shape, type: 'float16' }),
  }),
};

export function foreign(name, make) {
  const test = attentionSuite(name, make);
  /** Multiples of 1/8 up to 2, which each form holds exactly. */
  const eighths = (shape, seed) => tensorOf(shape, (i) => (((i * 7 + seed * 5) % 33) - 16) / 8);
  const q = eighths([1, 2, 9, 4], 1);
  const k = eighths([1, 2, 9, 4], 2);
  const v = eighths([1, 2, 9, 3], 3);
  const decay = tensorOf([1, 2, 9], (i) => -(i % 5) / 8);

  test('floats of 16 bits are taken wherever a tensor is, and give the bits of the same numbers in float32', (attention, keep) => {
    const rows = {
      softmax: (t) => attention.softmax(t(q), t(k), t(v)),
      linear: (t) => attention.linear(t(q), t(k), t(v), { decay: t(decay), beta: t(tensorOf([1, 2, 9], () => 0.5)) }),
      weights: (t) => attention.weights(t(q), t(k), { kind: 'linear' }),
      gap: (t) => ({ data: Float32Array.of(attention.gap(t(q), t(k), t(v)).relativeError), shape: [1] }),
      retention: (t) => attention.retention(t(q), t(k), t(v), { gamma: t(tensorOf([2], (i) => 0.5 + i / 8)) }),
      mamba2: (t) => attention.mamba2(t(v), t(tensorOf([1, 2, 9], () => 0.5)), t(tensorOf([2], () => -1)), t(k), t(q), { D: t(tensorOf([2], () => 0.25)) }),
      step(t) {
        const state = keep(attention.state({ heads: 2, dim: 4, valueDim: 3, normalize: false }));
        state.set(t(eighths([1, 2, 4, 3], 4)));
        return state.step(t(eighths([1, 2, 4], 1)), t(eighths([1, 2, 4], 2)), t(eighths([1, 2, 3], 3)));
      },
      featureMap: (t) => keep(attention.featureMap('learned', { dim: 4, weights: t(eighths([4, 6], 5)), bias: t(eighths([6], 6)) })).apply(t(q)),
      dense: (t) => keep(dense(attention, { weight: t(eighths([5, 4], 5)), bias: t(eighths([5], 6)) })).apply(t(q), { residual: t(eighths([1, 2, 9, 5], 7)) }),
      layerNorm: (t) => keep(layerNorm(attention, { weight: t(eighths([4], 5)), bias: t(eighths([4], 6)) })).apply(t(q)),
      toFloat32: (t) => toFloat32(t(q)),
      onnx: (t) => LinearAttention(attention, { query: t(eighths([2, 5, 8], 1)), key: t(eighths([2, 5, 4], 2)), value: t(eighths([2, 5, 4], 3)), past_state: t(eighths([2, 1, 4, 4], 4)) }, { update_rule: 'linear', q_num_heads: 2, kv_num_heads: 1 }).output,
    };
    for (const [what, call] of Object.entries(rows)) {
      const expected = call((x) => x);
      assert.equal(expected.data.constructor, Float32Array);
      for (const [form, convert] of Object.entries(forms)) assertSame(call(convert), expected, `${what} of ${form}`);
    }
  });

  test('floats of 16 bits: special values, the widest and the narrowest', (attention) => {
    const bits = Uint16Array.of(0x8000, 0x7bff, 0x0001, 0x83ff, 0x7c00, 0xfc00, 0x7e00);
    const values = [-0, 65504, 2 ** -24, -1023 * 2 ** -24, Infinity, -Infinity, NaN];
    const identity = (data, type) => attention.featureMap('identity', { dim: 7 }).apply({ data, shape: [1, 7], type }).data;
    assert.deepEqual([...identity(bits, 'float16')], values);
    assert.deepEqual([...identity(Uint16Array.of(0x8000, 0x7f7f, 0x0001, 0xc049, 0x7f80, 0xff80, 0x7fc0), 'bfloat16')], [-0, 2 ** 128 - 2 ** 120, 2 ** -133, -3.140625, Infinity, -Infinity, NaN]);
    if (globalThis.Float16Array) assert.deepEqual([...identity(new Float16Array(bits.buffer))], values);
  });

  test('other arrays are refused, and a Uint16Array told what it lacks; out is float32', (attention) => {
    const data = new Uint16Array(sizeOf(q.shape));
    for (const [given, kind, message] of [
      [{ data, shape: q.shape }, TypeError, /^q\.data must be a Float32Array, or have type: 'float16' or 'bfloat16' beside it, got a Uint16Array of length 72/],
      [{ data, shape: q.shape, type: 'uint16' }, TypeError, /^q\.data must be a Float32Array, or have type/],
      [{ data, shape: q.shape, dtype: 'toString' }, TypeError, /^q\.data must be/],
      [{ data: new Int32Array(72), shape: q.shape, type: 'float16' }, TypeError, /^q\.data must be a Float32Array, got an? Int32Array/],
      [{ data: new Float64Array(72), shape: q.shape, dtype: 'float64' }, TypeError, /^q\.data must be a Float32Array/],
      [{ data: data.subarray(1), shape: q.shape, type: 'float16' }, RangeError, /^q\.data must be of length 72/],
      [{ data, type: 'float16' }, TypeError, /^q\.shape must be/],
      [{ data, shape: [1, 2, 9, 4], strides: [1, 1, 2, 18], type: 'float16' }, RangeError, /^q must be row-major/],
    ]) throwsKind(() => attention.linear(given, k, v), kind, message);
    throwsKind(() => attention.linear(q, k, v, { out: new Uint16Array(54) }), TypeError, /^out must be a Tensor or a Float32Array/);
    if (globalThis.Float16Array) throwsKind(() => attention.linear(q, k, v, { out: new Float16Array(54) }), TypeError, /^out must be a Tensor or a Float32Array/);
    throwsKind(() => toFloat32({ data, shape: q.shape }), TypeError, /^tensor\.data must be a Float32Array/);
    throwsKind(() => toFloat32({ data, shape: q.shape, type: 'int8' }), RangeError, /^tensor\.dtype must be one of F32, F64, F16, BF16, got "I8"/);
    assert.equal(toFloat32({ ...q, type: 'parameter' }).data, q.data, 'a type that names no numbers says nothing');
  });

  test('tensors of tfjs and arrays of jax-js are refused with the conversion', (attention) => {
    // As tfjs 4.22 has them: Tensor with data(), dataSync(), shape, dtype and strides.
    const tfjs = ({ data, shape }) => ({ shape, dtype: 'float32', size: data.length, strides: [72, 36, 4], rankType: '4', data: async () => data, dataSync: () => data });
    // As jax-js 0.1.25 has them: Array with data(), dataSync(), js(), jsAsync(), ref, shape and dtype.
    class JaxArray {
      constructor({ data, shape }) {
        Object.assign(this, { shape, dtype: 'float32', data: async () => data, dataSync: () => data, js: () => [...data], jsAsync: async () => [...data] });
      }

      get ref() {
        return this;
      }
    }
    const jax = (x) => new JaxArray(x);
    for (const [call, message] of [
      [() => attention.softmax(tfjs(q), k, v), /^q must be a tensor \(\{ data, shape \} or \{ data, dims \}\), got a Tensor of tfjs: pass \{ data: q\.dataSync\(\), shape: q\.shape \}$/],
      [() => attention.linear(q, jax(k), v), /^k must be a tensor \(.*\), got an Array of jax-js: pass \{ data: k\.ref\.dataSync\(\), shape: k\.shape \}$/],
      [() => attention.linear(q, k, v, { decay: tfjs(decay) }), /^decay must be a number, an array of numbers or a tensor .*got a Tensor of tfjs: pass \{ data: decay\.dataSync\(\)/],
      [() => attention.featureMap('learned', { dim: 4, weights: jax(gaussian([4, 6], 1)) }), /^weights must be .*weights\.ref\.dataSync\(\)/],
      [() => dense(attention, { weight: tfjs(gaussian([5, 4], 1)) }), /^weight must be .*weight\.dataSync\(\)/],
      [() => toFloat32(tfjs(q)), /^tensor must be .*tensor\.dataSync\(\)/],
    ]) throwsKind(call, TypeError, message);
    const converted = (x) => ({ data: x.ref.dataSync(), shape: x.shape });
    assertSame(attention.softmax(converted(jax(q)), k, v), attention.softmax(q, k, v));
  });

  test('64-bit integers: key lengths in lists and tensors, shapes', (attention) => {
    const two = inputs({ batch: 2, heads: 2, T: 5, dim: 4 });
    const expected = attention.linear(two.q, two.k, two.v, { keyLengths: [3, 5] });
    for (const keyLengths of [BigInt64Array.of(3n, 5n), [3n, 5n], { data: BigInt64Array.of(3n, 5n), dims: [2], type: 'int64' }, { data: Int32Array.of(3, 5), shape: [2] }, { 0: 3, 1: 5n, length: 2 }]) {
      assertSame(attention.linear(two.q, two.k, two.v, { keyLengths }), expected);
    }
    throwsKind(() => attention.linear(two.q, two.k, two.v, { keyLengths: BigInt64Array.of(3n, 6n) }), RangeError, /^keyLengths\[1\] must be an integer from 0 to 5, got 6/);
    const wide = (x) => ({ data: x.data, dims: BigInt64Array.from(x.shape, BigInt) });
    assertSame(attention.linear(wide(two.q), wide(two.k), wide(two.v), { keyLengths: [3, 5] }), expected);
  });

  test('gamma is any list of numbers', (attention) => {
    const expected = attention.retention(q, k, v, { gamma: [0.5, 0.75] });
    for (const gamma of [{ 0: 0.5, 1: 0.75, length: 2 }, Float64Array.of(0.5, 0.75)]) assertSame(attention.retention(q, k, v, { gamma }), expected);
    throwsKind(() => attention.retention(q, k, v, { gamma: new Set([0.5, 0.75]) }), TypeError, /^gamma\.data must be/);
  });

  test.run();
}
