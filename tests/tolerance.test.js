/** assertClose and assertSame must fail when they should. */
import assert from 'node:assert';
import { suite } from 'uvu';
import { assertClose, assertSame, tolerances } from './tolerance.js';

const test = suite('tolerance');
const expected = { data: Float64Array.from({ length: 600 }, (_, i) => Math.sin(i)), shape: [2, 3, 100] };
const copy = () => Float32Array.from(expected.data);

test('equal arrays pass by every rule', () => {
  for (const rule in tolerances) assertClose(rule === 'float64' ? expected.data.slice() : copy(), expected, { rule });
});

test('NaN and infinity fail, wherever they are', () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    for (const at of [0, 299, 599]) {
      const actual = copy();
      actual[at] = bad;
      assert.throws(() => assertClose(actual, expected, { rule: 'linear' }), new RegExp(`element ${at} .* is ${bad}`));
    }
  }
});

test('an expected NaN or infinity must be met', () => {
  assertClose([NaN, Infinity, 1], [NaN, Infinity, 1], { rule: 'linear' });
  assert.throws(() => assertClose([0, 1], [NaN, 1], { rule: 'linear' }), /expected NaN/);
  assert.throws(() => assertClose([-Infinity, 1], [Infinity, 1], { rule: 'linear' }), /expected Infinity/);
});

test('a wrong length fails', () => {
  assert.throws(() => assertClose(copy().subarray(1), expected, { rule: 'linear' }), /length 599, expected 600/);
  assert.throws(() => assertClose([], expected, { rule: 'linear' }), /length 0/);
});

test('one wrong element fails, and is named with its index and both values', () => {
  const actual = copy();
  actual[321] = 0.5;
  assert.throws(() => assertClose(actual, expected, { rule: 'linear' }), /321 \[1, 0, 21\]: got 0.5, expected /);
});

test('an element within the relative bound still fails by the worst-element bound', () => {
  const actual = new Float64Array(1e6).fill(1);
  const reference = actual.slice();
  actual[5] += 5e-5;
  assert.throws(() => assertClose(actual, reference, { rule: 'linear' }), /element error/);
});

test('an error on every element fails by the relative bound', () => {
  const scaled = expected.data.map((x) => x * (1 + 6e-6));
  assert.throws(() => assertClose(scaled, expected, { rule: 'linear' }), /relative L2/);
  assertClose(scaled, expected, { rule: 'gated' });
});

test('where everything should be 0, anything else fails', () => {
  assertClose([0, 0], [0, 0], { rule: 'softmax' });
  assert.throws(() => assertClose([0, 1e-30], [0, 0], { rule: 'softmax' }), /relative/);
});

test('messages stay short', () => {
  try {
    assertClose(new Float32Array(1e5), new Float32Array(1e5).fill(1), { rule: 'linear' });
  } catch (error) {
    assert.ok(error.message.length < 300);
    return;
  }
  assert.fail('did not throw');
});

test('an unknown rule fails', () => {
  assert.throws(() => assertClose([1], [1], { rule: 'nearly' }), /nearly/);
});

test('assertSame sees one bit and the sign of zero', () => {
  assertSame(Float32Array.of(1, NaN), Float32Array.of(1, NaN));
  assert.throws(() => assertSame(Float32Array.of(1 + 2 ** -23), Float32Array.of(1)), /element 0/);
  assert.throws(() => assertSame([0], [-0]), /element 0/);
  assert.throws(() => assertSame([1], [1, 2]), /length/);
});

test.run();
