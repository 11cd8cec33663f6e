/** jax-js on its wasm backend: kernels generated at run time, with relaxed SIMD where the engine has it. */
const inPage = typeof window !== 'undefined';

/** Node 20 lacks the iterator helpers that jax-js uses. */
function addIteratorHelpers() {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  globalThis.Iterator ??= { prototype };
  const helpers = {
    *map(f) {
      let i = 0;
      for (const x of this) yield f(x, i++);
    },
    *filter(f) {
      for (const x of this) if (f(x)) yield x;
    },
    toArray() {
      return [...this];
    },
    some(f) {
      return [...this].some((x) => f(x));
    },
    every(f) {
      return [...this].every((x) => f(x));
    },
    reduce(f, start) {
      return [...this].reduce((a, x) => f(a, x), start);
    },
    forEach(f) {
      for (const x of this) f(x);
    },
  };
  for (const [name, value] of Object.entries(helpers)) {
    if (!prototype[name]) Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
}

/** Functions of arrays [heads, length, dim]. Every use of an array but its last takes a `ref`: jax-js frees what it consumes. */
function formulas({ numpy: np, nn }, { kind, causal, token, heads, length, dim }) {
  const map = (x) => nn.elu(x).add(1);

  const softmax = (q, k, v) => {
    let scores = np.matmul(q, np.transpose(k, [0, 2, 1])).mul(1 / Math.sqrt(dim));
    if (causal) scores = scores.add(np.tril(np.ones([length, length])).sub(1).mul(1e30));
    return np.matmul(nn.softmax(scores, -1), v);
  };

  const full = (q, k, v) => {
    const [fq, fk] = [map(q), map(k)];
    const state = np.matmul(np.transpose(fk.ref, [0, 2, 1]), v);
    const keySum = np.sum(fk, 1, { keepdims: true });
    return np.matmul(fq.ref, state).div(np.sum(fq.mul(keySum), 2, { keepdims: true }));
  };

  /** The state before each chunk is a product with a strictly lower triangular matrix. */
  const chunks = (size) => (q, k, v) => {
    const count = length / size;
    const cut = (x) => x.reshape([heads, count, size, dim]);
    const [fq, fk, values] = [cut(map(q)), cut(map(k)), cut(v)];
    const earlier = np.tril(np.ones([count, count]), -1);
    const turned = np.transpose(fk.ref, [0, 1, 3, 2]);
    const weights = np.matmul(fq.ref, turned.ref).mul(np.tril(np.ones([size, size])));
    // einsum: matmul of a matrix and three axes orders the result's axes unlike NumPy.
    const state = np.einsum('nm,hmx->hnx', earlier.ref, np.matmul(turned, values.ref).reshape([heads, count, dim * dim])).reshape([heads, count, dim, dim]);
    const keySum = np.einsum('nm,hmx->hnx', earlier, np.sum(fk, 2)).reshape([heads, count, 1, dim]);
    const numerator = np.matmul(weights.ref, values).add(np.matmul(fq.ref, state));
    const normaliser = np.sum(weights, 3, { keepdims: true }).add(np.sum(fq.mul(keySum), 3, { keepdims: true }));
    return numerator.div(normaliser).reshape([heads, length, dim]);
  };

  const step = (q, k, v, S, z) => {
    const [fq, fk] = [map(q), map(k)];
    const state = S.add(np.transpose(fk.ref, [0, 2, 1]).mul(v));
    const keySum = z.add(fk);
    return np.matmul(fq.ref, state).div(np.sum(fq.mul(keySum), 2, { keepdims: true }));
  };

  if (kind === 'softmax') {
    const operator = { transposed: true, attend: (q, k, v) => nn.dotProductAttention(q, k, v, { isCausal: causal }) };
    return { composed: { attend: softmax }, dotProductAttention: operator };
  }
  if (token) return { step: { attend: step } };
  if (!causal) return { composed: { attend: full } };
  return Object.fromEntries([64, 128].filter((size) => length % size === 0).map((size) => [`chunks of ${size}`, { attend: chunks(size) }]));
}

const turn = (data, outer, inner, dim) => Float32Array.from(data, (_, i) => data[((Math.floor(i / dim) % outer) * inner + Math.floor(i / (outer * dim))) * dim + (i % dim)]);

/** With `resident`, inputs stay on the backend's heap and the result is left there: its best case. */
function prepare({ jax, one, way: { attend, transposed }, resident, inputs }) {
  const { heads, token, kind, dim } = one;
  const { numpy: np, jit } = jax;
  const compiled = jit(attend);
  const plain = ({ data, shape: [, , T] }) => (transposed ? [turn(data, heads, T, dim), [T, heads, dim]] : [data, [heads, T, dim]]);
  const state = token && kind === 'linear';
  const sources = state
    ? [...[inputs.q, inputs.step.k, inputs.step.v].map(plain), [inputs.S.data, [heads, dim, dim]], [inputs.z.data, [heads, 1, dim]]]
    : [inputs.q, inputs.k, inputs.v].map(plain);
  const upload = () => sources.map(([data, shape]) => np.array(data).reshape(shape));
  const held = resident ? upload() : null;
  let kept = null;
  let data;
  return {
    async run() {
      if (!resident) {
        data = await compiled(...upload()).data();
        return;
      }
      const next = compiled(...held.map((x) => x.ref));
      await next.blockUntilReady();
      kept?.dispose();
      kept = next;
    },
    async result() {
      const found = resident ? await kept.ref.data() : data;
      return transposed ? turn(found, inputs.q.shape[2], heads, dim) : found;
    },
    close() {
      kept?.dispose();
      held?.forEach((x) => x.dispose());
      compiled.dispose?.();
    },
  };
}

export default {
  name: 'jax-js',
  package: '@jax-js/jax',
  group: 'web',
  threadsIn: ({ inPage, processors }) => (inPage ? [1, processors] : [1]), // every core of an isolated page
  expresses: { 'feature map': 'composed', normaliser: 'composed', causal: 'composed in chunks; softmax masks the whole square', 'state in and out': 'composed' },

  async open() {
    if (!inPage) addIteratorHelpers();
    const jax = await import(inPage ? new URL('../node_modules/@jax-js/jax/dist/index.js', import.meta.url).href : '@jax-js/jax');
    await jax.init('wasm');
    jax.defaultDevice('wasm');
    return jax;
  },

  ways(jax, one) {
    if (one.rule) return {}; // no operator, and a product a chunk would be as much code as the recurrence
    const ways = Object.entries(formulas(jax, one)).flatMap(([name, way]) =>
      [false, true].map((resident) => [resident ? `${name}, resident` : name, (inputs) => prepare({ jax, one, way, resident, inputs })]),
    );
    return Object.fromEntries(ways);
  },
};
