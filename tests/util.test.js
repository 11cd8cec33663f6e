/** The helpers of the tests, where a silent fault would make a test pass. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { assertSame } from './tolerance.js';
import {
  gaussian,
  guarded,
  joinTime,
  loadGolden,
  mulberry32,
  periodic,
  poison,
  sizeOf,
  sliceTime,
  swapLayout,
  tensorOf,
} from './util.js';

const test = suite('util');

test('mulberry32 gives its published numbers', () => {
  const next = mulberry32(1);
  assert.deepEqual(
    [next(), next()].map((x) => Math.floor(x * 2 ** 32)),
    [2693262067, 11749833],
  );
});

test('a seed gives the same tensor, another seed another', () => {
  assertSame(gaussian([3, 4], 5), gaussian([3, 4], 5));
  assert.throws(() => assertSame(gaussian([3, 4], 5), gaussian([3, 4], 6)));
});

test('gaussian numbers have mean 0 and the deviation asked for', () => {
  const { data } = gaussian([100_000], 7, 3);
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  const deviation = Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length);
  assert.ok(Math.abs(mean) < 0.05 && Math.abs(deviation - 3) < 0.05);
});

test('no two rows of a periodic tensor are alike', () => {
  const { data } = periodic([100, 64], 3);
  const rows = Array.from({ length: 100 }, (_, r) => data.subarray(r * 64, (r + 1) * 64).join());
  assert.equal(new Set(rows).size, 100);
});

test('parts of time join to the whole, and the layout swaps back', () => {
  const x = gaussian([2, 3, 7, 4], 1);
  assertSame(joinTime([sliceTime(x, 0, 2), sliceTime(x, 2, 2), sliceTime(x, 2, 7)]), x);
  assertSame(swapLayout(swapLayout(x)), x);
  const counted = swapLayout(tensorOf([1, 2, 3, 1], (i) => i));
  assert.deepEqual(
    [[...counted.data], counted.shape],
    [
      [0, 3, 1, 4, 2, 5],
      [1, 3, 2, 1],
    ],
  );
});

test('poison is NaN, and a guard sees what is written beside it', () => {
  assert.ok(poison(5).every(Number.isNaN));
  for (const at of [-1, 5]) {
    const { out, check } = guarded(5);
    assert.ok(out.every(Number.isNaN));
    out.fill(1);
    check();
    new Float32Array(out.buffer)[out.byteOffset / 4 + at] = 0;
    assert.throws(check, new RegExp(`wrote at ${at} of a buffer of 5`));
  }
});

test('golden vectors load with their shapes, all of them finite', () => {
  for (const [name, count] of [
    ['golden', 36],
    ['onnx', 14],
  ]) {
    const cases = loadGolden(name);
    assert.equal(cases.size, count);
    for (const one of cases.values()) {
      for (const { data, shape } of [...Object.values(one.in), ...Object.values(one.out)]) {
        assert.equal(data.length, sizeOf(shape));
        assert.ok(data.every(Number.isFinite), one.name);
      }
    }
  }
});

test.run();
