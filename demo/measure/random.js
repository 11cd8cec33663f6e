// Seeded inputs: every number is a function of the seed, so that a view, a test and the terminal agree.

/** Normal numbers N(0, 1) of one stream of a seed (mulberry32, then Box–Muller). */
export function normalStream(seed, stream) {
  let counter = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 0;
  const uniform = () => {
    counter = (counter + 0x6d2b79f5) >>> 0;
    let t = Math.imul(counter ^ (counter >>> 15), counter | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  let spare = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform())); // 1 − u is never 0
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/**
 * Queries and keys N(0, norm²), values N(0, 1), each [1, heads, length, dim].
 * Each head of each tensor has its own stream, so a shorter sequence is a prefix of a longer one.
 */
export function sampleInputs({ seed, heads, length, dim, norm }) {
  const sample = (tensor, deviation) => {
    const data = new Float32Array(heads * length * dim);
    for (let head = 0; head < heads; head++) {
      const next = normalStream(seed, 3 * head + tensor);
      const start = head * length * dim;
      for (let i = 0; i < length * dim; i++) data[start + i] = deviation * next();
    }
    return { data, shape: [1, heads, length, dim] };
  };
  return { q: sample(0, norm), k: sample(1, norm), v: sample(2, 1) };
}

const BLOCK = 1 << 14;

/** `count` normal numbers for timing, where only their size matters: one block, repeated. */
export function repeatedNormals(count, seed = 1) {
  const data = new Float32Array(count);
  const next = normalStream(seed, 0);
  const first = Math.min(count, BLOCK);
  for (let i = 0; i < first; i++) data[i] = next();
  for (let filled = first; filled < count; filled *= 2) data.copyWithin(filled, 0, Math.min(filled, count - filled));
  return data;
}

/** A function of options that gives its last result again for the same ones: many slices ask for one set of inputs. */
export function rememberLast(make) {
  let key;
  let last;
  return ({ seed, heads, length, dim, norm = 1 }) => {
    const wanted = [seed, heads, length, dim, norm].join();
    if (key !== wanted) last = make({ seed, heads, length, dim, norm });
    key = wanted;
    return last;
  };
}
