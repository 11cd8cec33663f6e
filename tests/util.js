/** Inputs for tests: seeded random tensors, periodic tensors, golden vectors, poisoned and guarded buffers. */
import assert from 'node:assert';
import { readFileSync } from 'node:fs';

/** mulberry32 (Tommy Ettinger's generator): uniform in [0, 1) from a 32-bit seed. */
export function mulberry32(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal numbers by Box–Muller. */
export function normals(seed) {
  const uniform = mulberry32(seed);
  let spare = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** Asserts that two numbers differ by no more than the tolerance. */
export const near = (actual, expected, tolerance = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);

/** Asserts that one of up to five measurements is below `most`, in `unit`: an unquiet machine delays things and hastens none. */
export async function assertBelow(most, measure, unit = 'ms') {
  const told = [];
  while (!(told.at(-1) < most)) {
    assert.ok(told.length < 5, `${told} ${unit}, and none below ${most}`);
    told.push(await measure());
  }
}

export const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** A tensor whose element i is fill(i). */
export const tensorOf = (shape, fill) => ({
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => fill(i)),
  shape: [...shape],
});

/** Normal numbers of the given standard deviation. */
export function gaussian(shape, seed, deviation = 1) {
  const next = normals(seed);
  return tensorOf(shape, () => deviation * next());
}

/** Normal numbers that repeat every 251 elements: no tile or row length divides a prime, so swapped blocks show. */
export function periodic(shape, seed, deviation = 1) {
  const next = normals(seed);
  const pattern = Float32Array.from({ length: 251 }, () => deviation * next());
  return tensorOf(shape, (i) => pattern[i % pattern.length]);
}

/** { q, k, v } of attention: batch, heads, kvHeads, Tq, Tk, dim, valueDim; `make` fills each. */
export function inputs({
  batch = 1,
  heads = 1,
  kvHeads = heads,
  T = 8,
  Tq = T,
  Tk = T,
  dim = 8,
  valueDim = dim,
  seed = 1,
  deviation = 1,
  make = periodic,
} = {}) {
  return {
    q: make([batch, heads, Tq, dim], seed, deviation),
    k: make([batch, kvHeads, Tk, dim], seed + 1, deviation),
    v: make([batch, kvHeads, Tk, valueDim], seed + 2),
  };
}

/** [B, H, T, d] ↔ [B, T, H, d]. */
export function swapLayout({ data, shape: [B, X, Y, d] }) {
  const swapped = new data.constructor(data.length);
  for (let b = 0; b < B; b++) {
    for (let x = 0; x < X; x++) {
      for (let y = 0; y < Y; y++) {
        const from = ((b * X + x) * Y + y) * d;
        swapped.set(data.subarray(from, from + d), ((b * Y + y) * X + x) * d);
      }
    }
  }
  return { data: swapped, shape: [B, Y, X, d] };
}

/** Steps from … to−1 of [B, H, T, d]. */
export function sliceTime({ data, shape: [B, H, T, d] }, from, to) {
  const part = new data.constructor(B * H * (to - from) * d);
  for (let n = 0; n < B * H; n++) part.set(data.subarray((n * T + from) * d, (n * T + to) * d), n * (to - from) * d);
  return { data: part, shape: [B, H, to - from, d] };
}

/** Parts along time put together again: the inverse of sliceTime. */
export function joinTime(parts) {
  const [B, H, , d] = parts[0].shape;
  const T = parts.reduce((sum, part) => sum + part.shape[2], 0);
  const data = new Float32Array(B * H * T * d);
  let start = 0;
  for (const part of parts) {
    const length = part.shape[2];
    for (let n = 0; n < B * H; n++)
      data.set(part.data.subarray(n * length * d, (n + 1) * length * d), (n * T + start) * d);
    start += length;
  }
  return { data, shape: [B, H, T, d] };
}

export const reshape = (x, shape) => ({ data: x.data, shape });

/** A NaN-filled array: an element left unwritten stays NaN. */
export const poison = (length) => new Float32Array(length).fill(NaN);

/** A poisoned array between two canaries; `check` throws if either was written to. */
export function guarded(length, margin = 67) {
  const canary = -12345.678;
  const whole = new Float32Array(length + 2 * margin).fill(canary);
  const out = whole.subarray(margin, margin + length).fill(NaN);
  const check = () => {
    const broken = whole.findIndex((x, i) => (i < margin || i >= margin + length) && x !== Math.fround(canary));
    assert.equal(broken, -1, `wrote at ${broken - margin} of a buffer of ${length}`);
  };
  return { out, check };
}

/** The cases of tests/golden/NAME.json by name, each with `in` and `out` tensors. */
export function loadGolden(name) {
  const at = (extension) => new URL(`./golden/${name}.${extension}`, import.meta.url);
  const bytes = readFileSync(at('bin'));
  const floats = new DataView(bytes.buffer, bytes.byteOffset);
  const tensor = ({ shape, offset, count }) => ({
    data: Float32Array.from({ length: count }, (_, i) => floats.getFloat32(offset + 4 * i, true)),
    shape,
  });
  const tensors = (side) => Object.fromEntries(Object.entries(side).map(([key, value]) => [key, tensor(value)]));
  const { cases } = JSON.parse(readFileSync(at('json'), 'utf8'));
  return new Map(cases.map((one) => [one.name, { ...one, in: tensors(one.in), out: tensors(one.out) }]));
}
