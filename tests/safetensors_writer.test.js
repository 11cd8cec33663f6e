/** The safetensors writer: the bytes of the reference implementation, and what is read back. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { createAttention } from '../web/index.js';
import { readSafetensors, toFloat32, writeSafetensors } from '../web/nn.js';
import { throwsCode, throwsKind } from './suites/harness.js';

const test = suite('safetensors writer');
const ascii = (bytes) => String.fromCharCode(...bytes);
const headerOf = (bytes) => ascii(bytes.subarray(8, 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))));
const six = Float32Array.of(0, 1, 2, 3, 4, 5);

test('the bytes of the reference implementation, as its own tests have them', () => {
  // huggingface/safetensors, safetensors/src/tensor.rs: test_serialization, test_serialization_forced_alignement, test_empty.
  const length = (n) => [n, 0, 0, 0, 0, 0, 0, 0];
  const text = (string) => [...string].map((letter) => letter.charCodeAt(0));
  const floats = [0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64, 0, 0, 160, 64];
  for (const [given, expected] of [
    [{ tensors: { 'attn.0': { dtype: 'F32', shape: [1, 2, 3], data: six } } }, [...length(64), ...text('{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}'), ...floats]],
    [{ tensors: { attn0: { dtype: 'F32', shape: [1, 1, 2, 3], data: six } } }, [...length(72), ...text('{"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       '), ...floats]],
    [{ tensors: {} }, [...length(8), ...text('{}      ')]],
    [{ tensors: new Map(), metadata: { framework: 'pt' } }, [...length(40), ...text('{"__metadata__":{"framework":"pt"}}     ')]],
  ]) {
    const bytes = writeSafetensors(given);
    assert.ok(bytes instanceof Uint8Array);
    assert.deepEqual([...bytes], expected);
  }
});

test('tensors lie wide ones first, as the reference orders dtypes, then by the bytes of their names', () => {
  const order = ['U64', 'I64', 'F64', 'C64', 'F32', 'U32', 'I32', 'BF16', 'F16', 'U16', 'I16', 'F8_E5M2FNUZ', 'F8_E4M3FNUZ', 'F8_E8M0', 'F8_E4M3', 'F8_E5M2', 'I8', 'U8', 'F6_E3M2', 'F6_E2M3', 'F4', 'BOOL', 'Q3_XYZ'];
  const arrays = { U64: new BigUint64Array(8), I64: new BigInt64Array(8), F64: new Float64Array(8), C64: new Uint8Array(64), F32: new Float32Array(8), U32: new Uint32Array(8), I32: new Int32Array(8), BF16: new Uint16Array(8), F16: new Uint16Array(8), U16: new Uint16Array(8), I16: new Int16Array(8), I8: new Int8Array(8), F6_E3M2: new Uint8Array(6), F6_E2M3: new Uint8Array(6), F4: new Uint8Array(4), Q3_XYZ: new Uint8Array(3) };
  const tensors = new Map([...order].sort().map((dtype) => [`w ${dtype}`, { dtype, shape: [8], data: arrays[dtype] ?? new Uint8Array(8) }]));
  const names = Object.entries(JSON.parse(headerOf(writeSafetensors({ tensors }))));
  assert.deepEqual(names.map(([, { dtype }]) => dtype), order);
  const one = { dtype: 'U8', shape: [1], data: Uint8Array.of(7) };
  const sorted = ['', '!', '10', '9', 'a', 'a"\\\n', 'aa', 'b', 'é', '\uff61', '\u{1f600}'];
  const bytes = writeSafetensors({ tensors: Object.fromEntries([...sorted].reverse().map((name) => [name, one])) });
  const header = new TextDecoder().decode(bytes.subarray(8, bytes.length - sorted.length));
  assert.deepEqual([...header.matchAll(/("(?:[^"\\]|\\.)*"):\{/g)].map(([, name]) => JSON.parse(name)), sorted);
});

test('what is read is written bit for bit, and what is written is read', () => {
  const bits = Uint32Array.of(0x7fc00001, 0xff800000, 0x80000000, 1);
  const tensors = new Map([
    ['nan', { dtype: 'F32', shape: [2, 2], data: new Float32Array(bits.buffer) }],
    ['half', { dtype: 'F16', shape: [3], data: Uint16Array.of(1, 0x7e01, 0xffff) }],
    ['__proto__', { dtype: 'I64', shape: [], data: BigInt64Array.of(-5n) }],
    ['toString', { dtype: 'BOOL', shape: [1, 3], data: Uint8Array.of(1, 0, 1) }],
    ['none', { dtype: 'F64', shape: [0, 7], data: new Float64Array(0) }],
    ['small', { dtype: 'F6_E2M3', shape: [4], data: Uint8Array.of(1, 2, 3) }],
    ['future', { dtype: 'X9', shape: [5], data: Uint8Array.of(9, 8) }],
    ['ü "\\\u0001', { dtype: 'U16', shape: [1], data: Uint16Array.of(5) }],
  ]);
  const metadata = JSON.parse('{"format":"pt","__proto__":"x","7":"seven"}');
  const bytes = writeSafetensors({ tensors, metadata });
  const again = readSafetensors(bytes);
  assert.deepEqual(Object.entries(again.metadata), Object.entries(metadata));
  assert.equal(again.tensors.size, tensors.size);
  for (const [name, { dtype, shape, data }] of tensors) {
    const found = again.tensors.get(name);
    assert.deepEqual([found.dtype, found.shape, found.data.constructor], [dtype, shape, data.constructor]);
    assert.deepEqual([...new Uint8Array(found.data.buffer, found.data.byteOffset, found.data.byteLength)], [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
  }
  assert.deepEqual(writeSafetensors(again), bytes);
  assert.equal((8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))) % 8, 0);
});

test('results, resident tensors, tensors of onnxruntime and views are written as they are, with the dtype of their array', async () => {
  const attention = await createAttention({ build: 'simd' });
  try {
    const t = attention.tensor([2, 3], six);
    const { tensors } = readSafetensors(writeSafetensors({
      tensors: {
        resident: t,
        result: { data: six, shape: new Int32Array([6]) },
        view: { data: new Float64Array(9).fill(2).subarray(3, 5), dims: [2n] },
        half: { data: Uint16Array.of(0x3c00), dims: [1], type: 'float16' },
        integers: { data: BigInt64Array.of(3n), dims: [1], type: 'int64' },
        bytes: { data: Uint8Array.of(3), shape: [1] },
        flags: { data: Uint8Array.of(1, 0), dims: [2], type: 'bool' },
        named: { data: Int32Array.of(7), shape: [1], dtype: 'int32' },
      },
    }));
    assert.deepEqual(Object.fromEntries([...tensors].map(([name, { dtype, shape }]) => [name, [dtype, shape]])), {
      integers: ['I64', [1]], view: ['F64', [2]], resident: ['F32', [2, 3]], result: ['F32', [6]], named: ['I32', [1]], half: ['F16', [1]], bytes: ['U8', [1]], flags: ['BOOL', [2]],
    });
    assert.deepEqual([...tensors.get('resident').data, ...tensors.get('view').data, ...toFloat32(tensors.get('half')).data], [...six, 2, 2, 1]);
    t.dispose();
    throwsCode(() => writeSafetensors({ tensors: { t } }), 'disposed');
  } finally {
    attention.dispose();
  }
});

test('every property is read once', () => {
  const counts = {};
  const counting = (what, object) => new Proxy(object, {
    get(target, name) {
      if (typeof name === 'string') counts[`${what}.${name}`] = (counts[`${what}.${name}`] ?? 0) + 1;
      return target[name];
    },
  });
  const tensors = counting('tensors', { a: counting('a', { dtype: 'F32', shape: [6], data: six }) });
  const bytes = writeSafetensors(counting('options', { tensors, metadata: counting('metadata', { x: 'y' }) }));
  assert.equal(readSafetensors(bytes).metadata.x, 'y');
  assert.deepEqual(Object.entries(counts).filter(([, times]) => times !== 1), []);
  assert.ok(counts['a.data'] === 1 && counts['metadata.x'] === 1);
});

test('refusals name the tensor', () => {
  const good = { dtype: 'F32', shape: [6], data: six };
  const write = (rest, name = 'w') => () => writeSafetensors({ tensors: { [name]: { ...good, ...rest } } });
  for (const [call, kind, pattern] of [
    [() => writeSafetensors(), TypeError, /^tensors must be a Map or an object of tensors, got undefined/],
    [() => writeSafetensors({ tensors: [good] }), TypeError, /^tensors must be a Map or an object/],
    [() => writeSafetensors({ tensors: six }), TypeError, /^tensors must be/],
    [() => writeSafetensors({ tensors: {}, meta: {} }), TypeError, /unknown option 'meta'/],
    [() => writeSafetensors({ tensors: { w: six } }), TypeError, /^tensors\["w"\] must be a tensor/],
    [() => writeSafetensors({ tensors: new Map([[5, good]]) }), TypeError, /^names of tensors must be strings, got 5/],
    [() => writeSafetensors({ tensors: { __metadata__: good } }), RangeError, /^names of tensors must be other than "__metadata__"/],
    [() => writeSafetensors({ tensors: { 'a\ud800': good } }), RangeError, /^names of tensors must be well-formed/],
    [() => writeSafetensors({ tensors: {}, metadata: { n: 1 } }), TypeError, /^metadata\["n"\] must be a string, got 1/],
    [() => writeSafetensors({ tensors: {}, metadata: ['a'] }), TypeError, /^metadata must be an object of strings/],
    [() => writeSafetensors({ tensors: {}, metadata: { n: '\udc00' } }), RangeError, /^metadata\["n"\] must be well-formed/],
    [write({ dtype: 'float32x' }), RangeError, /^tensors\["w"\]\.dtype must be a name of the format, such as F32, got "float32x"/],
    [write({ dtype: 32 }), RangeError, /^tensors\["w"\]\.dtype must be/],
    [write({ data: new Float64Array(6) }), TypeError, /^tensors\["w"\]\.data must be a Float32Array, got a Float64Array/],
    [write({ data: [...six] }), TypeError, /^tensors\["w"\]\.data must be a Float32Array/],
    [write({ dtype: undefined, data: new Uint8ClampedArray(6) }), TypeError, /^tensors\["w"\]\.data must be/],
    [write({ dtype: 'F8_E4M3', data: new Int8Array(6) }), TypeError, /^tensors\["w"\]\.data must be a Uint8Array/],
    [write({ shape: [7] }), RangeError, /^tensors\["w"\]\.data must be of 28 bytes for shape \[7\] and dtype F32, got a Float32Array of length 6/],
    [write({ dtype: 'F4', shape: [3], data: new Uint8Array(2) }), RangeError, /^tensors\["w"\]\.shape must be of whole bytes/],
    [write({ dtype: 'F4', shape: [4], data: new Uint8Array(3) }), RangeError, /^tensors\["w"\]\.data must be of 2 bytes/],
    [write({ shape: [-6] }), RangeError, /^tensors\["w"\]\.shape\[0\] must be/],
    [write({ shape: [2, 3], strides: [1, 2] }), RangeError, /^tensors\["w"\] must be row-major/],
    [write({ shape: undefined }), TypeError, /^tensors\["w"\]\.shape must be/],
    [write({ data: undefined }, 'x'.repeat(1e6)), TypeError, /^tensors\["x{60}…"\]\.data must be/],
  ]) throwsKind(call, kind, pattern);
  throwsKind(() => writeSafetensors({ tensors: { ['x'.repeat(100_000_000)]: good } }), RangeError, /^tensors must be of a header of at most 100000000 bytes/);
});

test.run();
