/** TensorFlow.js on its wasm backend: composed of matrix products, which are fast for two axes and scalar for three. */
const inPage = typeof window !== 'undefined';
const folder = new URL('../node_modules/@tensorflow/', import.meta.url).href;

/** The browser builds are scripts that define a global. */
const addScript = (src) =>
  new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src, onload: resolve, onerror: () => reject(new Error(`cannot load ${src}`)) });
    document.head.append(script);
  });

async function load() {
  if (!inPage) {
    const { default: tf } = await import('@tensorflow/tfjs-core');
    await import('@tensorflow/tfjs-backend-wasm');
    return tf;
  }
  await addScript(`${folder}tfjs-core/dist/tf-core.min.js`);
  await addScript(`${folder}tfjs-backend-wasm/dist/tf-backend-wasm.min.js`);
  return globalThis.tf;
}

/** Attention over tensors of one head [length, dim], or of all [heads, length, dim]. */
function formulas(tf, { kind, causal, token, heads, length, dim }) {
  const map = (x) => tf.add(tf.elu(x), 1);
  const triangle = (n, inside, outside) => tf.tensor2d(Float32Array.from({ length: n * n }, (_, i) => (i % n <= Math.floor(i / n) ? inside : outside)), [n, n]);

  const mask = kind === 'softmax' && causal ? triangle(length, 0, -1e30) : null;
  const softmax = (q, k, v, product) => {
    const scores = tf.mul(product(q, k), 1 / Math.sqrt(dim));
    return tf.matMul(tf.softmax(mask ? tf.add(scores, mask) : scores), v);
  };

  const full = (q, k, v) => {
    const [fq, fk] = [map(q), map(k)];
    return tf.div(tf.matMul(fq, tf.matMul(tf.transpose(fk), v)), tf.matMul(fq, tf.reshape(tf.sum(fk, 0), [-1, 1])));
  };

  /** One head in chunks, the state carried between them. */
  const chunks = (size) => {
    const lower = triangle(size, 1, 0);
    return (q, k, v) => {
      const [fq, fk] = [map(q), map(k)];
      let state = tf.zeros([dim, dim]);
      let keySum = tf.zeros([dim, 1]);
      const parts = [];
      for (let t = 0; t < length; t += size) {
        const [qc, kc, vc] = [fq, fk, v].map((x) => tf.slice(x, [t, 0], [size, dim]));
        const turned = tf.transpose(kc);
        const weights = tf.mul(tf.matMul(qc, turned), lower);
        const values = tf.add(tf.matMul(weights, vc), tf.matMul(qc, state));
        parts.push(tf.div(values, tf.add(tf.sum(weights, 1, true), tf.matMul(qc, keySum))));
        state = tf.add(state, tf.matMul(turned, vc));
        keySum = tf.add(keySum, tf.sum(turned, 1, true));
      }
      return tf.concat(parts, 0);
    };
  };

  const step = ({ S, z }) => {
    const state = tf.tensor3d(S.data, [heads, dim, dim]);
    const keySum = tf.tensor3d(z.data, [heads, 1, dim]);
    return (q, k, v) => {
      const [fq, fk] = [map(q), map(k)];
      const next = tf.add(state, tf.matMul(fk, v, true, false));
      return tf.div(tf.matMul(fq, next), tf.matMul(fq, tf.add(keySum, fk), false, true));
    };
  };

  if (kind === 'softmax')
    return {
      'a head at a time': { perHead: true, make: () => (q, k, v) => softmax(q, k, v, (a, b) => tf.matMul(a, tf.transpose(b))) },
      batched: { make: () => (q, k, v) => softmax(q, k, v, (a, b) => tf.matMul(a, b, false, true)) },
    };
  if (token) return { step: { make: step } };
  if (!causal) return { 'a head at a time': { perHead: true, make: () => full } };
  const sizes = [64, 128].filter((size) => length % size === 0);
  return Object.fromEntries(sizes.map((size) => [`chunks of ${size}`, { perHead: true, make: () => chunks(size) }]));
}

/** With `resident`, inputs stay on the backend's heap and the result is left there: its best case. */
function prepare(tf, one, { perHead, make }, resident, inputs) {
  const { heads, token, dim } = one;
  const attend = make(inputs);
  const sources = token && one.kind === 'linear' ? [inputs.q, inputs.step.k, inputs.step.v] : [inputs.q, inputs.k, inputs.v];
  const upload = () =>
    sources.map(({ data, shape: [, , T] }) =>
      perHead ? Array.from({ length: heads }, (_, h) => tf.tensor2d(data.subarray(h * T * dim, (h + 1) * T * dim), [T, dim])) : [tf.tensor3d(data, [heads, T, dim])],
    );
  const compute = ([q, k, v]) => q.map((_, h) => tf.tidy(() => attend(q[h], k[h], v[h]))); // a head's intermediates end with it
  const download = (results) => {
    const data = new Float32Array(results.reduce((sum, { size }) => sum + size, 0));
    results.forEach((x, h) => data.set(x.dataSync(), h * x.size));
    return data;
  };
  const held = resident ? upload() : null;
  let data;
  let kept = [];
  return {
    run() {
      kept.forEach((x) => x.dispose());
      kept = tf.tidy(() => {
        const results = compute(held ?? upload());
        if (resident) return results;
        data = download(results);
        return [];
      });
    },
    result: () => (resident ? download(kept) : data),
    close() {
      kept.forEach((x) => x.dispose());
      held?.flat().forEach((x) => x.dispose());
    },
  };
}

export default {
  name: 'tfjs wasm',
  package: '@tensorflow/tfjs-backend-wasm',
  group: 'web',
  threadsIn: () => [1], // its threads do not reach matrix products
  expresses: { 'feature map': 'composed', normaliser: 'composed', causal: 'composed in chunks; softmax masks the whole square', 'state in and out': 'composed' },

  async open() {
    const tf = await load();
    if (inPage) tf.wasm.setWasmPaths(`${folder}tfjs-backend-wasm/dist/`);
    await tf.setBackend('wasm');
    await tf.ready();
    return tf;
  },

  ways(tf, one) {
    if (one.rule) return {}; // no operator, and a product a chunk would be as much code as the recurrence
    const ways = Object.entries(formulas(tf, one)).flatMap(([name, way]) =>
      [false, true].map((resident) => [resident ? `${name}, resident` : name, (inputs) => prepare(tf, one, way, resident, inputs)]),
    );
    return Object.fromEntries(ways);
  },
};
