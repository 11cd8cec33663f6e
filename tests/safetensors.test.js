/** The safetensors reader: every dtype, any alignment, and each way that a file may be malformed. */
import assert from 'node:assert';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import { readSafetensors, toFloat32 } from '../web/nn.js';
import { throwsCode, throwsKind } from './suites/harness.js';

const test = suite('safetensors');

/** A file of this header (an object, or text) and these data bytes. */
function file(header, data = new Uint8Array(0), { length } = {}) {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}
const entry = (dtype, shape, begin, end) => ({ dtype, shape, data_offsets: [begin, end] });
const bytesOf = (array) => new Uint8Array(array.buffer);

test('every dtype comes in its own array', () => {
  const arrays = {
    F64: Float64Array.of(1.5, -2), F32: Float32Array.of(1.5, -2), F16: Uint16Array.of(1, 2), BF16: Uint16Array.of(1, 2),
    I64: BigInt64Array.of(1n, -2n), I32: Int32Array.of(1, -2), I16: Int16Array.of(1, -2), I8: Int8Array.of(1, -2),
    U64: BigUint64Array.of(1n, 2n), U32: Uint32Array.of(1, 2), U16: Uint16Array.of(1, 2), U8: Uint8Array.of(1, 2), BOOL: Uint8Array.of(0, 1),
  };
  for (const [dtype, array] of Object.entries(arrays)) {
    const { tensors, metadata } = readSafetensors(file({ __metadata__: { format: 'x' }, a: entry(dtype, [2, 1], 0, array.byteLength) }, bytesOf(array)));
    assert.deepEqual(metadata, { format: 'x' });
    assert.deepEqual(tensors.get('a'), { dtype, shape: [2, 1], data: array });
  }
});

test('any alignment, any order, empty tensors, scalars, names like __proto__', () => {
  const data = new Uint8Array(21);
  new DataView(data.buffer).setFloat32(1, 2.5, true);
  for (let padding = 0; padding < 8; padding++) {
    const header = `{"f":${JSON.stringify(entry('F32', [5], 1, 21))},"b":${JSON.stringify(entry('U8', [], 0, 1))},"__proto__":${JSON.stringify(entry('F32', [0, 3], 1, 1))}}${' '.repeat(padding)}`;
    const { tensors } = readSafetensors(file(header, data).buffer);
    assert.deepEqual([...tensors.keys()], ['f', 'b', '__proto__']);
    assert.deepEqual([...tensors.get('f').data], [2.5, 0, 0, 0, 0]);
    assert.equal(tensors.get('__proto__').data.length, 0);
  }
  assert.equal(readSafetensors(file({})).tensors.size, 0);
});

test('a view into a larger buffer is read where it lies', () => {
  const inner = file({ a: entry('F32', [1], 0, 4) }, bytesOf(Float32Array.of(7)));
  const outer = new Uint8Array(inner.length + 13);
  outer.set(inner, 13);
  assert.equal(readSafetensors(outer.subarray(13)).tensors.get('a').data[0], 7);
});

const malformed = {
  'no bytes': new Uint8Array(0),
  'seven bytes': new Uint8Array(7),
  'a header longer than the file': file({}, undefined, { length: 3 }),
  'a header of 2⁶⁴ − 1 bytes': file({}, undefined, { length: 2n ** 64n - 1n }),
  'a header that is cut': file('{"a":', new Uint8Array(4)),
  'a header that is not UTF-8': file({}, undefined).with?.(8, 0xff) ?? Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff),
  'a header that is a list': file('[]'),
  'a header that is null': file('null'),
  'metadata of numbers': file({ __metadata__: { n: 1 } }),
  'metadata that is text': file({ __metadata__: 'x' }),
  'an entry that is a number': file({ a: 1 }),
  'an entry that is null': file({ a: null }),
  'no dtype': file({ a: { shape: [], data_offsets: [0, 0] } }),
  'what is no name of a dtype': file({ a: entry('float32', [], 0, 4) }, new Uint8Array(4)),
  'a dtype that objects inherit': file({ a: entry('toString', [], 0, 0) }),
  'half a byte': file({ a: entry('F4', [3], 0, 2) }, new Uint8Array(2)),
  'float8 of other bytes': file({ a: entry('F8_E4M3', [3], 0, 2) }, new Uint8Array(2)),
  'a list as dtype': file({ a: entry(['F32'], [], 0, 4) }, new Uint8Array(4)),
  'a header after a byte order mark': file('\ufeff{}'),
  'no shape': file({ a: { dtype: 'F32', data_offsets: [0, 0] } }),
  'a negative axis': file({ a: entry('F32', [-1], 0, 4) }, new Uint8Array(4)),
  'a fraction as axis': file({ a: entry('F32', [0.5], 0, 2) }, new Uint8Array(2)),
  'an axis that is text': file({ a: entry('F32', ['1'], 0, 4) }, new Uint8Array(4)),
  'a shape that overflows': file({ a: entry('F32', [2 ** 30, 2 ** 30], 0, 4) }, new Uint8Array(4)),
  'a shape of other bytes': file({ a: entry('F32', [2], 0, 4) }, new Uint8Array(4)),
  'offsets past the end': file({ a: entry('F32', [2], 0, 8) }, new Uint8Array(4)),
  'offsets in reverse': file({ a: entry('F32', [1], 4, 0) }, new Uint8Array(4)),
  'negative offsets': file({ a: entry('F32', [1], -4, 0) }, new Uint8Array(4)),
  'one offset': file({ a: { dtype: 'F32', shape: [0], data_offsets: [0] } }),
  'tensors that overlap': file({ a: entry('F32', [1], 0, 4), b: entry('F32', [1], 2, 6) }, new Uint8Array(6)),
  'tensors at the same place': file({ a: entry('F32', [1], 0, 4), b: entry('F32', [1], 0, 4) }, new Uint8Array(4)),
  'a gap between tensors': file({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, new Uint8Array(3)),
  'bytes after the last tensor': file({ a: entry('U8', [1], 0, 1) }, new Uint8Array(2)),
};
for (const [what, bytes] of Object.entries(malformed)) {
  test(`refuses ${what}`, () => throwsCode(() => readSafetensors(bytes), 'malformed-file', what));
}

test('dtypes that JavaScript has no arrays for, known and to come, are listed as bytes while the others load', () => {
  const stored = { F8_E4M3: [3, 3], F8_E5M2: [2, 2], F8_E8M0: [1, 1], F8_E4M3FNUZ: [1, 1], F8_E5M2FNUZ: [1, 1], F6_E2M3: [4, 3], F6_E3M2: [8, 6], F4: [6, 3], C64: [1, 8], Q3_XYZ: [7, 5] };
  const header = { w: entry('F32', [1], 0, 4) };
  const data = Uint8Array.from({ length: 64 }, (_, i) => (i < 4 ? bytesOf(Float32Array.of(2.5))[i] : i));
  let end = 4;
  for (const [dtype, [elements, bytes]] of Object.entries(stored)) header[dtype] = entry(dtype, [elements], end, (end += bytes));
  const { tensors } = readSafetensors(file(header, data.subarray(0, end)));
  assert.deepEqual(tensors.get('w'), { dtype: 'F32', shape: [1], data: Float32Array.of(2.5) });
  let from = 4;
  for (const [dtype, [elements, bytes]] of Object.entries(stored)) {
    assert.deepEqual(tensors.get(dtype), { dtype, shape: [elements], data: data.slice(from, from + bytes) });
    throwsKind(() => toFloat32(tensors.get(dtype)), RangeError, new RegExp(`^tensor\\.dtype must be one of F32, F64, F16, BF16, got "${dtype}"`));
    from += bytes;
  }
  assert.equal(tensors.size, 11);
});

test('names that stand twice are refused, however they are written, and named', () => {
  const [one, other] = [entry('U8', [0], 0, 0), entry('U8', [0], 0, 0)].map((x) => JSON.stringify(x));
  for (const [text, name] of [
    [`{"a":${one},"a":${other}}`, '"a"'],
    [`{"a":${one},"\\u0061":${other}}`, '"a"'],
    [`{ "b" : ${one} ,\n "\\"{[" : ${one}, "\\"{[": ${other} }`, '"\\"{["'],
    [`{"__metadata__":{"x":"1","x":"2"}}`, '"x"'],
    [`{"__metadata__":{},"__metadata__":{}}`, '"__metadata__"'],
    [`{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}`, '"shape"'],
    [`{"__proto__":${one},"__proto__":${other}}`, '"__proto__"'],
  ]) {
    assert.throws(() => readSafetensors(file(text)), { code: 'malformed-file', message: `Not a safetensors file: its header has the name ${name} twice` }, text);
  }
  const fine = `{"__metadata__":{"shape":"a","a":"a\\\\","dtype":":"},"a":${one},"b":${one},"shape":${one}}`;
  assert.deepEqual([...readSafetensors(file(fine)).tensors.keys()], ['a', 'b', 'shape']);
});

test('what a server or git sends instead of the file is called by its name', () => {
  const encode = (text) => new TextEncoder().encode(text);
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n';
  for (const [text, message] of [
    ['<!DOCTYPE html>\n<html><body>Sign in</body></html>', /it is an HTML page.*response\.ok/],
    ['\ufeff\n\n  <html lang="en"><head></head></html>', /it is an HTML page/],
    ['<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', /it is an XML page/],
    [pointer, /it is a Git LFS pointer.*git lfs pull/],
    ['Entry not found', /it is text that begins "Entry not found"/],
    ['no', /it is text that begins "no"/],
    [`{"error":"${'x'.repeat(1000)}"}`, /it is text that begins "\{\\"error/],
    ['PK\u0003\u0004 and the rest of an archive', /its header should take/],
  ]) {
    for (const bytes of [encode(text), encode(text).buffer]) {
      assert.throws(() => readSafetensors(bytes), (error) => error.code === 'malformed-file' && message.test(error.message) && error.message.length < 300, text);
    }
  }
});

test('files in shared memory are read where decoders refuse it, as Chromium does', () => {
  const bytes = file({ __metadata__: { a: 'ü' }, w: entry('F32', [1], 0, 4) }, bytesOf(Float32Array.of(2.5)));
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  const { decode } = TextDecoder.prototype;
  TextDecoder.prototype.decode = function (view) {
    if ((view.buffer ?? view) instanceof SharedArrayBuffer) throw new TypeError('The provided ArrayBufferView value must not be shared.');
    return decode.call(this, view);
  };
  try {
    for (const given of [shared, shared.buffer, new DataView(shared.buffer)]) {
      const { tensors, metadata } = readSafetensors(given);
      assert.deepEqual([metadata.a, tensors.get('w').data[0], tensors.get('w').data.buffer instanceof SharedArrayBuffer], ['ü', 2.5, bytes.length % 4 === 0]);
    }
    assert.throws(() => readSafetensors(shared.subarray(0, 12)), { code: 'malformed-file' });
  } finally {
    TextDecoder.prototype.decode = decode;
  }
});

test('buffers and views of another realm are read, and lengths that were redefined are not believed', () => {
  const bytes = file({ w: entry('F32', [1], 0, 4) }, bytesOf(Float32Array.of(2.5)));
  const foreign = runInNewContext('(values) => Uint8Array.from(values)')([...bytes]);
  const lying = Object.defineProperty(bytes.slice(), 'byteLength', { value: 9 });
  for (const given of [foreign, foreign.buffer, lying]) assert.equal(readSafetensors(given).tensors.get('w').data[0], 2.5);
  const gone = bytes.slice().buffer;
  structuredClone(gone, { transfer: [gone] });
  throwsCode(() => readSafetensors(gone), 'malformed-file');
});

test('whatever a header holds, the error is short, and says what is wrong', () => {
  const name = 'x'.repeat(1_000_000);
  const deep = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  const files = {
    'a long name': file({ [name]: entry('F32', [], 0, 0) }),
    'a long name twice': file(`{"${name}":${JSON.stringify(entry('U8', [0], 0, 0))},"${name}":${JSON.stringify(entry('U8', [0], 0, 0))}}`),
    'a long dtype': file({ a: entry(name, [], 0, 0) }),
    'a long shape': file({ a: entry('F32', new Array(100_000).fill(1), 0, 0) }),
    'a long list of offsets': file({ a: { dtype: 'F32', shape: [], data_offsets: new Array(100_000).fill(0) } }),
    'text in a shape': file({ a: entry('F32', [name], 0, 0) }),
    'a deep shape': file(`{"a":{"dtype":"F32","shape":${deep(100_000)},"data_offsets":[0,0]}}`),
    'a deep dtype': file(`{"a":{"dtype":${deep(100_000)},"shape":[],"data_offsets":[0,0]}}`),
    'two long names': file({ [name]: entry('U8', [1], 0, 1), [`${name}y`]: entry('U8', [1], 0, 1) }, new Uint8Array(1)),
  };
  for (const [what, bytes] of Object.entries(files)) {
    throwsCode(() => readSafetensors(bytes), 'malformed-file', what);
    assert.throws(() => readSafetensors(bytes), ({ message }) => message.length < 500, what);
  }
});

test('refuses what is not bytes', () => {
  for (const value of [undefined, null, 'x', 5, {}, [1]]) throwsKind(() => readSafetensors(value), TypeError, /file/);
});

test('float16 and bfloat16 become float32, special values included', () => {
  const half = toFloat32({ dtype: 'F16', shape: [8], data: Uint16Array.of(0, 0x8000, 0x3c00, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0x83ff) }).data;
  assert.deepEqual([...half], [0, -0, 1, -65504, Infinity, -Infinity, NaN, -1023 * 2 ** -24]);
  const brain = toFloat32({ dtype: 'BF16', shape: [4], data: Uint16Array.of(0x3f80, 0xc049, 0x7f80, 0x0001) }).data;
  assert.deepEqual([...brain], [1, -3.140625, Infinity, Math.fround(2 ** -133)]);
});

test.run();
