/** This library, one contestant a build: from arrays to an array as a caller has them, and on resident tensors. */
const sources = new URL('../../../../web/index.js', import.meta.url).href;
const bundle = new URL('../node_modules/linear-attention-wasm/index.js', import.meta.url).href;

const ROOM = 256; // tokens that the cache takes before it is filled anew, outside the timing: 3 % of 8192

/** RetNet's decay never changes, and may be given as one number a head. */
function gatesOf(rule, { decay, beta }, hold) {
  const [, heads, length] = decay.shape;
  if (rule === 'gated') return { decay: Array.from({ length: heads }, (_, h) => decay.data[h * length]) };
  return { decay: hold.input(decay), beta: hold.input(beta) };
}

function sequenceWay(attention, { kind, rule, causal }, inputs, hold) {
  const [q, k, v] = [inputs.q, inputs.k, inputs.v].map(hold.input);
  const out = hold.output(inputs.q.shape);
  const options = { causal, out, ...(rule && { featureMap: 'identity', ...gatesOf(rule, inputs, hold) }) };
  const attend = kind === 'linear' ? () => attention.linear(q, k, v, options) : () => attention.softmax(q, k, v, { causal, out });
  return { run: attend, result: () => hold.read(out), close: hold.close };
}

function stepWay(attention, { heads, dim }, { q, step, S, z }, hold) {
  const state = attention.state({ heads, dim });
  state.set(S, z);
  const flat = ({ data }) => hold.input({ data, shape: [1, heads, dim] });
  const [query, key, value] = [q, step.k, step.v].map(flat);
  const out = hold.output([1, heads, dim]);
  const close = () => {
    state.dispose();
    hold.close();
  };
  return { run: () => state.step(query, key, value, { out }), result: () => hold.read(out), close };
}

function cacheWay(attention, { heads, dim, length }, { q, step, past }, hold) {
  const cache = attention.cache({ heads, dim, maxLength: length + ROOM });
  const [query, key, value] = [q, step.k, step.v].map(hold.input);
  const out = hold.output(q.shape);
  const before = () => {
    cache.reset();
    attention.softmax(q, past.k, past.v, { cache });
  };
  const close = () => {
    cache.dispose();
    hold.close();
  };
  return { before, mostRuns: ROOM, run: () => attention.softmax(query, key, value, { cache, out }), result: () => hold.read(out), close };
}

const elements = (shape) => shape.reduce((a, b) => a * b, 1);

const arrays = () => ({ input: (x) => x, output: (shape) => new Float32Array(elements(shape)), read: (out) => out, close() {} });

function resident(attention) {
  const held = [];
  const keep = (tensor) => {
    held.push(tensor);
    return tensor;
  };
  return {
    input: ({ data, shape }) => keep(attention.tensor(shape, data)),
    output: (shape) => keep(attention.tensor(shape)),
    read: (out) => out.data.slice(),
    close: () => held.forEach((tensor) => tensor.dispose()),
  };
}

/** `keeping`: 'arrays' or 'resident'. */
const contestant = (build, keeping) => ({
  name: keeping === 'resident' ? `ours, ${build}, resident` : `ours, ${build}`,
  package: 'linear-attention-wasm',
  group: 'ours',
  build,
  keeping,
  expresses: { 'feature map': 'yes', normaliser: 'yes', causal: 'yes', 'state in and out': 'yes' },

  /** Throws where this version or engine lacks the build or the threads. */
  async open({ threads, bundled }) {
    const { createAttention } = await import(bundled ? bundle : sources);
    const attention = await createAttention({ build, threads });
    if (attention.build === build && attention.threads === threads) return attention;
    const got = `${attention.build} on ${attention.threads} thread(s)`;
    attention.dispose();
    throw new Error(`asked for ${build} on ${threads} thread(s), got ${got}`);
  },

  ways(attention, one) {
    const way = !one.token ? sequenceWay : one.kind === 'linear' ? stepWay : cacheWay;
    return { [keeping]: (inputs) => way(attention, one, inputs, keeping === 'resident' ? resident(attention) : arrays()) };
  },
});

export default ['simd', 'relaxed'].flatMap((build) => ['arrays', 'resident'].map((keeping) => contestant(build, keeping)));
