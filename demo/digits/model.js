// The two digit models on the library: embeddings, six blocks of attention and dense layers, logits of the next pixel.
import { dense, layerNorm, readSafetensors, toFloat32 } from 'linear-attention-wasm/nn';

/** Options of the instance that models run on: always one build, so that a seed paints the same digits in every engine. */
export const digitBuild = { build: 'simd', threads: 1 };

/**
 * @param {object} attention an instance of the library
 * @param {BufferSource} file safetensors with the configuration in its metadata
 * @returns a model: `open` makes streams of pixels, `probe` shows what its layers attend with
 */
export function createModel(attention, file) {
  const { tensors, metadata } = readSafetensors(file);
  const config = JSON.parse(metadata.config);
  const take = (name) => {
    if (!tensors.has(name)) throw new Error(`the model has no tensor ${name}`);
    return tensors.get(name);
  };
  const made = [];
  const keep = (resource) => (made.push(resource), resource);
  const norm = (name) => keep(layerNorm(attention, { weight: take(`${name}.weight`), bias: take(`${name}.bias`), eps: config.eps_ln }));
  const linear = (name, activation) => keep(dense(attention, { weight: take(`${name}.weight`), bias: take(`${name}.bias`), activation }));
  const blocks = Array.from({ length: config.n_layers }, (_, i) => ({
    norm1: norm(`blocks.${i}.ln1`),
    qkv: linear(`blocks.${i}.qkv`),
    project: linear(`blocks.${i}.proj`),
    norm2: norm(`blocks.${i}.ln2`),
    grow: linear(`blocks.${i}.fc1`, 'relu'),
    shrink: linear(`blocks.${i}.fc2`),
  }));
  const head = { norm: norm('lnf'), logits: linear('head') };
  const embed = embedding(config, take);
  const sizes = {
    layers: config.n_layers,
    heads: config.n_heads,
    dim: config.d_model / config.n_heads,
    width: config.d_model,
    hidden: config.d_mlp,
    levels: config.levels,
    length: config.T,
  };

  /** Residual stream of every block for tokens [batch, length] from position `start`; `attend(layer, q, k, v, out)` is the memory's. */
  const run = (work, attend, tokens, start) => {
    const { x, h, q, k, v, a, m } = work;
    embed(x.data, tokens, work.length, start);
    blocks.forEach((block, layer) => {
      block.norm1.apply(x, { out: h });
      block.qkv.apply(h, { out: [q, k, v] });
      attend(layer, q, k, v, a);
      block.project.apply(a, { residual: x, out: x });
      block.norm2.apply(x, { out: h });
      block.grow.apply(h, { out: m });
      block.shrink.apply(m, { residual: x, out: x });
    });
  };

  return {
    config,
    sizes,
    attention,
    /** 'linear' or 'softmax': what it was trained with. */
    kind: config.attn,
    /** Bytes of the packed dense layers, all of them read once for a pixel. */
    weightBytes: made.reduce((sum, { bytes }) => sum + bytes, 0),
    run,
    head,
    /** Q, K and V of every layer for a whole sequence, each [1, heads, length, dim]; input tokens class, pixel 0, pixel 1 … */
    probe(tokens) {
      const work = createWork(attention, sizes, 1, tokens.length);
      const attend = attendToAll(attention, config);
      const seen = [];
      try {
        run(
          work,
          (layer, q, k, v, out) => {
            seen[layer] = { q: byHead(q, sizes), k: byHead(k, sizes), v: byHead(v, sizes) };
            attend(q, k, v, out);
          },
          Int32Array.from(tokens),
          0,
        );
      } finally {
        work.dispose();
      }
      return seen;
    },
    dispose: () => made.forEach((resource) => resource.dispose()),
  };
}

/** Rows of class or pixel, image row and image column, summed: token 0 is a class, later ones grey levels. */
function embedding({ d_model: width, side }, take) {
  const [classes, levels, rows, columns] = ['cls', 'emb', 'row', 'col'].map((name) => toFloat32(take(`${name}.weight`)).data);
  return (x, tokens, length, start) => {
    for (let n = 0, at = 0; n < tokens.length; n++) {
      const t = start + (n % length);
      const table = t === 0 ? classes : levels;
      const [from, row, column] = [tokens[n], Math.floor(t / side), t % side].map((index) => index * width);
      for (let i = 0; i < width; i++) x[at++] = table[from + i] + rows[row + i] + columns[column + i];
    }
  };
}

/** Resident room for one pass over tokens [batch, length]; `single` leaves the axis of length 1 out of q, k, v and a. */
export function createWork(attention, { width, heads, dim, hidden, levels }, batch, length, single = false) {
  const tensors = {};
  const make = (name, shape) => (tensors[name] = attention.tensor(shape));
  try {
    for (const name of ['x', 'h']) make(name, [batch * length, width]);
    for (const name of ['q', 'k', 'v', 'a']) make(name, single ? [batch, heads, dim] : [batch, length, heads, dim]);
    make('m', [batch * length, hidden]);
    make('last', [batch, width]);
    make('logits', [batch, levels]);
  } catch (error) {
    for (const tensor of Object.values(tensors)) tensor.dispose();
    throw error;
  }
  return { ...tensors, batch, length, dispose: () => Object.values(tensors).forEach((tensor) => tensor.dispose()) };
}

/** Causal attention over a whole sequence, nothing kept. */
export function attendToAll(attention, { attn, eps_attn: eps }) {
  const method = attn === 'linear' ? 'linear' : 'softmax';
  const options = { causal: true, layout: 'bthd', ...(attn === 'linear' && { eps }) };
  return (q, k, v, out) => attention[method](q, k, v, { ...options, out });
}

/** [1, length, heads, dim] as [1, heads, length, dim]. */
function byHead({ data, shape: [, length] }, { heads, dim }) {
  const out = new Float32Array(heads * length * dim);
  for (let t = 0; t < length; t++) {
    for (let h = 0; h < heads; h++) {
      const from = (t * heads + h) * dim;
      out.set(data.subarray(from, from + dim), (h * length + t) * dim);
    }
  }
  return { data: out, shape: [1, heads, length, dim] };
}
