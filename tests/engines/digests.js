/**
 * One number for the bits of each of many results: the plain SIMD build gives the same in every engine. Inputs are made of
 * integers, since Math.log and the like may differ.
 */
/** Uniform in [low, high) from xorshift32. */
function uniform(shape, seed, low = -1, high = 1) {
  let x = Math.imul(seed, 0x9e3779b1);
  const next = () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return low + (high - low) * ((x >>> 0) / 2 ** 32);
  };
  return { data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next), shape };
}

/** FNV-1a of the bits, every NaN as one. */
function digest(floats) {
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  let hash = 0x811c9dc5;
  for (let i = 0; i < bits.length; i++) {
    const word = Number.isNaN(floats[i]) ? 0x7fc00000 : bits[i];
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((word >>> shift) & 255), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

const [B, H, T, D, V] = [2, 2, 67, 18, 21];
const maps = {
  elu: {}, relu: {}, identity: {}, favor: { features: 33, seed: 7 }, rff: { features: 34, seed: 7 }, dpfp: {}, taylor: {},
  hedgehog: {}, 'hedgehog, 14 features': { weights: uniform([D, 7], 5) }, learned: { weights: uniform([D, 19], 5) },
  'learned, exp': { weights: uniform([D, 19], 5), activation: 'exp' }, cosformer: { maxLength: 200 },
};

/** Digests by name, of an instance. */
export function digests(attention) {
  const q = uniform([B, 2 * H, T, D], 1, -2, 2);
  const k = uniform([B, H, T, D], 2, -2, 2);
  const v = uniform([B, H, T, V], 3);
  const decay = uniform([B, H, T], 4, -1, 0);
  const beta = uniform([B, H, T], 5, 0, 1);
  const results = {};
  const add = (name, { data }) => (results[name] = digest(data));
  for (const causal of [false, true]) {
    const how = causal ? 'causal' : 'whole';
    add(`softmax, ${how}`, attention.softmax(q, k, v, { causal }));
    add(`softmax weights, ${how}`, attention.weights(q, k, { kind: 'softmax', causal }));
    for (const [name, options] of Object.entries(maps)) {
      const featureMap = attention.featureMap(name.split(',')[0], { dim: D, ...options });
      add(`${name}, ${how}`, attention.linear(q, k, v, { featureMap, causal }));
      add(`${name}, gap, ${how}`, { data: Float32Array.of(...Object.values(attention.gap(q, k, v, { featureMap, causal })).filter((x) => typeof x === 'number')) });
      featureMap.dispose();
    }
  }
  add('decay', attention.linear(q, k, v, { featureMap: 'identity', decay }));
  add('delta rule', attention.linear(q, k, v, { featureMap: 'identity', beta }));
  add('decay and delta rule', attention.linear(q, k, v, { featureMap: 'elu', decay, beta, normalize: false }));
  const state = attention.state({ batch: B, heads: H, dim: D, valueDim: V });
  for (let t = 0; t < 5; t++) add(`step ${t}`, state.step(uniform([B, H, D], 10 + t), uniform([B, H, D], 20 + t), uniform([B, H, V], 30 + t)));
  add('state', state);
  state.dispose();
  return results;
}
