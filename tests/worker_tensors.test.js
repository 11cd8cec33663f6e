/** What the Worker entry takes for tensors and lists: as the main entry, whoever made them, in whichever realm. */
import assert from 'node:assert';
import { readFile } from 'node:fs/promises';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import { createAttention as createSync } from '../web/index.js';
import { dense, layerNorm, sampler } from '../web/nn.js';
import { LinearAttention } from '../web/onnx.js';
import { createAttention } from '../web/worker.js';
import { throwsKind } from './suites/harness.js';
import { assertSame } from './tolerance.js';
import { inputs, tensorOf } from './util.js';

const test = suite('worker tensors');
let remote;
let local;
test.before(async () => {
  [remote, local] = await Promise.all([createAttention({ build: 'simd' }), createSync({ build: 'simd' })]);
});
test.after(async () => {
  await remote.dispose();
  local.dispose();
});

const [q, k, v] = Object.values(inputs({ batch: 2, heads: 2, T: 9, dim: 4 }));
const two = [q, k, v];

async function rejects(promise, kind, pattern) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.constructor, kind, error.message);
    assert.match(error.message, pattern);
    return true;
  });
}

/** As transformers.js 3 has them: a proxy of a class with getters, a method called stride, and indices that give parts. */
class TransformersTensor {
  #held;

  constructor(type, data, dims) {
    this.#held = { type, data, dims };
    return new Proxy(this, { get: (target, name) => (typeof name === 'string' && Number.isInteger(Number(name)) ? target._getitem(Number(name)) : Reflect.get(target, name, target)) });
  }

  get dims() {
    return this.#held.dims;
  }

  get type() {
    return this.#held.type;
  }

  get data() {
    return this.#held.data;
  }

  get size() {
    return this.#held.data.length;
  }

  get location() {
    return 'cpu';
  }

  stride() {
    return this.dims.map((_, axis) => this.dims.slice(axis + 1).reduce((a, b) => a * b, 1));
  }

  _getitem(i) {
    throw new Error(`part ${i} was asked for`);
  }
}

test('tensors of transformers.js, of float32, float16 and int64', async () => {
  const floats = ({ data, shape }) => new TransformersTensor('float32', data, shape);
  const keyLengths = new TransformersTensor('int64', BigInt64Array.of(3n, 9n), [2]);
  const expected = local.linear(...two, { keyLengths: [3, 9] });
  assertSame(await remote.linear(...two.map(floats), { keyLengths }), expected);
  assertSame(local.linear(...two.map(floats), { keyLengths }), expected);
  const bits = (shape) => new TransformersTensor('float16', Uint16Array.from({ length: 72 }, (_, i) => 0x3800 + 8 * i), shape);
  const widened = (shape) => tensorOf(shape, (i) => 0.5 + i / 256);
  const half = local.softmax(widened([9, 8]), widened([9, 8]), widened([9, 8]));
  assertSame(local.softmax(bits([9, 8]), bits([9, 8]), bits([9, 8])), half);
  assertSame(await remote.softmax(bits([9, 8]), bits([9, 8]), bits([9, 8])), half);
});

test('floats of 16 bits, views of a part of a buffer and handed over', async () => {
  const x = tensorOf([1, 1, 8, 4], (i) => (i - 16) / 8);
  const expected = local.softmax(x, x, x);
  const brains = new Uint16Array(new Uint8Array(x.data.buffer.slice(0)).buffer).filter((_, i) => i % 2);
  const whole = new Uint16Array(100);
  whole.set(brains, 7);
  const part = { data: whole.subarray(7, 39), shape: x.shape, dtype: 'BF16' };
  assertSame(await remote.softmax(part, part, { ...part, dtype: 'bfloat16' }), expected);
  assert.equal(whole.length, 100);
  const handed = { data: brains, dims: x.shape, type: 'bfloat16' };
  assertSame(await remote.softmax(handed, { ...x, data: x.data.slice() }, { ...x, data: x.data.slice() }, { transfer: true }), expected);
  assert.equal(brains.length, 0);
  if (globalThis.Float16Array) {
    const own = { data: Float16Array.from(x.data), shape: x.shape };
    assertSame(await remote.softmax(own, own, own), expected);
  }
  await rejects(remote.softmax({ data: new Uint16Array(32), shape: x.shape }, x, x), TypeError, /^q\.data must be a Float32Array, or have type/);
});

test('arrays of another realm are taken, written to and handed over as any other', async () => {
  const make = runInNewContext('(values, room) => { const whole = new Float32Array(values.length + room); whole.set(values, room); return whole.subarray(room); }');
  const foreign = ({ data, shape }, room = 0) => ({ data: make(Array.from(data), room), shape: runInNewContext('(shape) => shape.slice()')(shape) });
  assert.ok(!(foreign(q).data instanceof Float32Array));
  const expected = local.linear(...two, { keyLengths: [3, 9] });
  assertSame(await remote.linear(...two.map((x) => foreign(x)), { keyLengths: runInNewContext('[3, 9]') }), expected);
  assertSame(await remote.linear(...two.map((x) => foreign(x, 5)), { keyLengths: runInNewContext('Int32Array.of(3, 9)') }), expected);
  const out = make(new Array(expected.data.length).fill(7), 3);
  const result = await remote.linear(...two, { keyLengths: [3, 9], out });
  assert.equal(result.data, out);
  assertSame(out, expected.data);
  const handed = two.map((x) => foreign(x));
  assertSame(await remote.linear(...handed, { keyLengths: [3, 9], transfer: true }), expected);
  assert.deepEqual(handed.map(({ data }) => data.length), [0, 0, 0]);
  const shared = make(new Array(2 * out.length).fill(0), 0);
  await rejects(remote.linear({ data: shared.subarray(0, out.length), shape: q.shape }, k, v, { out: shared.subarray(out.length), transfer: true }), RangeError, /^out must not share its buffer/);
  const state = local.state({ heads: 2, dim: 4 });
  const saved = runInNewContext('(bytes) => Uint8Array.from(bytes)')([...state.save()]);
  assert.equal((await remote.restore(saved)).heads, 2);
  const again = local.restore(saved);
  assert.equal(again.heads, 2);
  for (const one of [state, again]) one.dispose();
});

test('a module from bytes of another realm runs here and there', async () => {
  const bytes = await readFile(new URL('../web/dist/simd.wasm', import.meta.url));
  const wasm = runInNewContext('(values) => Uint8Array.from(values).buffer')([...bytes]);
  assert.ok(!(wasm instanceof ArrayBuffer));
  const here = await createSync({ wasm });
  const there = await createAttention({ wasm });
  assertSame(await there.softmax(...two), here.softmax(...two));
  here.dispose();
  await there.dispose();
});

test('of a foreign view only its part is sent', async () => {
  const [data] = runInNewContext('(values) => [(() => { const whole = new Float32Array(2 ** 20); whole.set(values); return whole.subarray(0, values.length); })()]')(Array.from(q.data));
  const sizes = [];
  const { prototype } = Worker;
  const original = prototype.postMessage;
  prototype.postMessage = function (message, ...rest) {
    JSON.stringify(message, (_, value) => {
      if (ArrayBuffer.isView(value)) sizes.push(value.buffer.byteLength);
      return ArrayBuffer.isView(value) ? null : value;
    });
    return original.call(this, message, ...rest);
  };
  try {
    assertSame(await remote.softmax({ data, shape: q.shape }, k, v), local.softmax(q, k, v));
  } finally {
    prototype.postMessage = original;
  }
  assert.deepEqual(sizes, [q.data.byteLength, k.data.byteLength, v.data.byteLength]);
});

test('lists of any kind: 64-bit integers, and what only has a length and elements', async () => {
  class Column {
    #values;

    constructor(...values) {
      this.#values = values;
      return new Proxy(this, { get: (target, name) => (typeof name === 'string' && /^\d+$/.test(name) ? target.#values[name] : Reflect.get(target, name, target)) });
    }

    get length() {
      return this.#values.length;
    }
  }
  const expected = local.linear(...two, { keyLengths: [3, 9] });
  for (const keyLengths of [BigInt64Array.of(3n, 9n), [3n, 9n], { data: BigInt64Array.of(3n, 9n), dims: [2n], type: 'int64' }, { 0: 3, 1: 9, length: 2 }, new Column(3n, 9)]) {
    assertSame(await remote.linear(...two, { keyLengths }), expected);
  }
  const kept = local.retention(...two, { gamma: [0.5, 0.75] });
  for (const gamma of [Float64Array.of(0.5, 0.75), { 0: 0.5, 1: 0.75, length: 2 }, new Column(0.5, 0.75), { data: Float32Array.of(0.5, 0.75), shape: new Column(2) }]) {
    assertSame(await remote.retention(...two, { gamma }), kept);
  }
  const tensor = await remote.tensor(new Column(2, 1n), new Column(5, 6));
  assert.deepEqual([tensor.shape, [...(await tensor.data)]], [[2, 1], [5, 6]]);
  await tensor.dispose();
});

test('lists that are far too long are refused, and not read', async () => {
  const endless = new Proxy({ length: 2 ** 31 }, {
    get(target, name) {
      if (typeof name === 'string' && /^\d+$/.test(name)) throw new Error('read in vain');
      return target[name];
    },
  });
  const started = performance.now();
  for (const [call, pattern] of [
    [() => remote.linear({ data: q.data, shape: endless }, k, v), /^q\.shape must be an array of at most 32 integers/],
    [() => remote.linear({ ...q, strides: endless }, k, v), /^q must be row-major/],
    [() => remote.linear(...two, { keyLengths: endless }), /^keyLengths must be/],
    [() => remote.retention(...two, { gamma: endless }), /^gamma must be/],
    [() => remote.tensor(endless), /^shape must be/],
    [() => remote.tensor([1], endless), /^data must be/],
  ]) await assert.rejects(call, (error) => pattern.test(error.message) || assert.fail(error.message));
  assert.ok(performance.now() - started < 10_000);
});

test('tensors of tfjs and arrays of jax-js are refused with the conversion', async () => {
  // As tfjs 4.22 and jax-js 0.1.25 have them, as far as it matters here.
  const tfjs = ({ data, shape }) => ({ shape, dtype: 'float32', strides: [72, 36, 4], data: async () => data, dataSync: () => data });
  const jax = (x) => ({ ...tfjs(x), strides: undefined, jsAsync: async () => [] });
  await rejects(remote.softmax(tfjs(q), k, v), TypeError, /^argument 1 of softmax must be a tensor \(.*\), got a Tensor of tfjs: pass \{ data: tensor\.dataSync\(\), shape: tensor\.shape \}$/);
  await rejects(remote.softmax(q, k, jax(v)), TypeError, /^argument 3 of softmax must be .*got an Array of jax-js: pass \{ data: tensor\.ref\.dataSync\(\)/);
  await rejects(remote.linear(q, k, v, { decay: tfjs(tensorOf([2, 2, 9], () => -1)) }), TypeError, /^decay must be .*pass \{ data: decay\.dataSync\(\), shape: decay\.shape \}$/);
});

test('what takes an instance of the main entry says so', async () => {
  const wrong = /^attention must be of linear-attention-wasm, got one of linear-attention-wasm\/worker: onnx and nn run where their instance is, so make one with/;
  throwsKind(() => LinearAttention(remote, {}, {}), TypeError, wrong);
  const weight = tensorOf([2, 2], (i) => i);
  for (const call of [() => dense(remote, { weight }), () => layerNorm(remote, { weight, bias: weight }), () => sampler(remote)]) throwsKind(call, TypeError, wrong);
  const tensor = await remote.tensor(q.shape, q.data);
  throwsKind(() => local.softmax(tensor, k, v), TypeError, /^q must be a tensor \(.*\), got one of linear-attention-wasm\/worker/);
  await tensor.dispose();
});

test.run();
