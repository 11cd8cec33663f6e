/** The rows ω that a seed must give: xoshiro128++ from splitmix64, Marsaglia's polar method, Gram–Schmidt, in float64. */
import { dot } from './tensor.js';

const mask64 = (1n << 64n) - 1n;

function* splitmix64(seed) {
  for (let state = BigInt(seed); ; ) {
    state = (state + 0x9e3779b97f4a7c15n) & mask64;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64;
    yield z ^ (z >> 31n);
  }
}

/** Blackman & Vigna 2019. The four words are two outputs of splitmix64, low halves first. */
function* xoshiro128pp(seed) {
  const words = splitmix64(seed);
  const [one, two] = [words.next().value, words.next().value];
  const s = Uint32Array.from([one, one >> 32n, two, two >> 32n], (word) => Number(word & 0xffffffffn));
  const rotate = (x, k) => ((x << k) | (x >>> (32 - k))) >>> 0;
  for (;;) {
    yield (rotate((s[0] + s[3]) >>> 0, 7) + s[0]) >>> 0;
    const t = (s[1] << 9) >>> 0;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
  }
}

function* normalsOf(seed) {
  const words = xoshiro128pp(seed);
  const uniform = () => (words.next().value | 0) / 2 ** 31;
  for (;;) {
    const [x, y] = [uniform(), uniform()];
    const s = x * x + y * y;
    if (s === 0 || s >= 1) continue;
    const factor = Math.sqrt((-2 * Math.log(s)) / s);
    yield x * factor;
    yield y * factor;
  }
}

/** [heads][rows][dim]. */
export function randomRows({ seed, heads = 1, rows, dim, orthogonal = true }) {
  const normal = normalsOf(seed);
  const draw = () => Float64Array.from({ length: dim }, () => normal.next().value);
  const head = () => {
    const drawn = [];
    let block = [];
    for (let r = 0; r < rows; r++) {
      if (r % dim === 0) block = [];
      const row = draw();
      if (orthogonal) {
        for (const other of block) {
          const product = dot(row, other);
          row.forEach((_, i) => (row[i] -= product * other[i]));
        }
        const length = Math.sqrt(dot(row, row));
        block.push(row.map((x) => x / length));
        const other = draw();
        drawn.push(block.at(-1).map((x) => x * Math.sqrt(dot(other, other))));
      } else drawn.push(row);
    }
    return drawn;
  };
  return Array.from({ length: heads }, head);
}
