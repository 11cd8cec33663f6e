/** exp, through φ = elu, which is exp(x) for x ≤ 0: within the units in the last place of float64's exp that exp.h states. */
import assert from 'node:assert';
import { attentionSuite } from './harness.js';

const width = 256;

export function exp(name, make) {
  const test = attentionSuite(name, make);

  /** φ of every element; padded with 0 to whole rows. */
  function apply(attention, x) {
    const map = attention.featureMap('elu', { dim: width });
    const rows = Math.ceil(x.length / width);
    const padded = new Float32Array(rows * width);
    padded.set(x);
    return map.apply({ data: padded, shape: [rows, width] }).data.subarray(0, x.length);
  }

  /** The spacing of float32 at y > 0, in its normal range. */
  const ulp = (y) => 2 ** (Math.max(-126, Math.floor(Math.log2(y))) - 23);

  /** The error is that of x·log2 e, which float32 rounds: it grows with x. */
  const bounds = [
    { from: -5, ulps: 5 },
    { from: -20, ulps: 20 },
    { from: -Infinity, ulps: 64 },
  ];

  function withinBounds(attention, x) {
    const y = apply(attention, x);
    for (let i = 0; i < x.length; i++) {
      const exact = Math.exp(x[i]);
      const error = Math.abs(y[i] - exact) / ulp(exact);
      const { ulps } = bounds.find(({ from }) => x[i] >= from);
      // Written so that NaN is too much.
      if (!(error <= ulps)) assert.fail(`exp(${x[i]}) is ${y[i]}, expected ${exact}: ${error} ulp > ${ulps}`);
    }
  }

  test('a million points from −87.3 to 0', (attention) => {
    const count = 2 ** 20;
    withinBounds(
      attention,
      Float32Array.from({ length: count }, (_, i) => (-87.3 * i) / (count - 1)),
    );
  });

  for (const [from, stride] of [
    [-1, 1],
    [-0.5, 5],
    [-16, 5],
    [-32, 7],
  ]) {
    test(`every ${stride === 1 ? 'float' : `${stride}th float`} from ${2 * from} to ${from}`, (attention) => {
      const first = new Uint32Array(Float32Array.of(from).buffer)[0];
      const block = 2 ** 20;
      for (let start = 0; start < 2 ** 23; start += block * stride) {
        const count = Math.min(block, Math.ceil((2 ** 23 - start) / stride));
        const bits = Uint32Array.from({ length: count }, (_, i) => first + start + i * stride);
        withinBounds(attention, new Float32Array(bits.buffer));
      }
    });
  }

  test('−1, −10, −20 … −80 keep their digits', (attention) => {
    withinBounds(attention, Float32Array.of(-1, -10, -16, -20, -30, -40, -50, -60, -70, -80, -87));
  });

  test('near 0 and at the join of the two halves', (attention) => {
    withinBounds(attention, Float32Array.of(-0, 0, -1e-45, -1e-38, -1e-20, -1e-8, -5.9e-8, -6e-8, -1e-7, -1e-3));
    const above = Float32Array.of(1e-45, 1e-20, 1e-8, 1e-7, 1e-3, 0.5, 1, 100, 3e38);
    assert.deepEqual([...apply(attention, above)], [...above.map((x) => Math.fround(x + 1))]);
  });

  test('0 gives exactly 1, and NaN of any bits stays NaN', (attention) => {
    assert.deepEqual([...apply(attention, Float32Array.of(0, -0))], [1, 1]);
    const bits = Uint32Array.of(0x7fc00000, 0xffc00000, 0xffffffff, 0x7fffffff, 0x7fc00001, 0xffd2345f);
    assert.ok(apply(attention, new Float32Array(bits.buffer)).every(Number.isNaN));
  });

  test('below −87.3 it goes to 0 without NaN', (attention) => {
    const x = Float32Array.from({ length: 5000 }, (_, i) => -87.3 - i * 0.01);
    for (const far of [x, Float32Array.of(-150, -1000, -1e10, -3.4e38)]) {
      apply(attention, far).forEach((y, i) =>
        assert.ok(y >= 0 && y <= Math.exp(far[i]) * 1.000001 + 2 ** -126, `exp(${far[i]}) is ${y}`),
      );
    }
  });

  test.run();
}
