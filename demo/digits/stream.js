// Streams of pixels through a model, each with a memory of what came before: a state, a cache, or nothing but the pixels.
import { attendToAll, createWork } from './model.js';

/** How each model may remember: the columns that the page compares. */
export const columns = {
  linear: { model: 'linear', memory: 'state' },
  cached: { model: 'softmax', memory: 'cache' },
  recomputed: { model: 'softmax', memory: 'tokens' },
};

/** With the softmax model made linear beside them, as `converted`. */
export const columnsWithConverted = { ...columns, converted: { model: 'converted', memory: 'state' } };

/**
 * `batch` streams that advance together. What it returns takes tokens, [batch, count], and gives the logits
 * [batch, levels] of the pixel that follows each stream: a resident tensor, overwritten by the next call.
 * @param {'state' | 'cache' | 'tokens'} memory 'tokens' recomputes the whole past for every pixel
 */
export function openStream(model, { batch, memory }) {
  return memory === 'tokens' ? recomputingStream(model, batch) : rememberingStream(model, batch, memory);
}

/** The logits after the last of each stream's tokens. */
function logitsOf({ head }, { x, last, logits, batch, length }) {
  const width = last.shape[1];
  const [from, to] = [x.data, last.data];
  for (let b = 0; b < batch; b++) {
    const row = ((b + 1) * length - 1) * width;
    to.set(from.subarray(row, row + width), b * width);
  }
  head.norm.apply(last, { out: last });
  return head.logits.apply(last, { out: logits });
}

/** One layer's state or cache, and how it attends to many tokens and to one. */
function openMemory({ attention, sizes: { heads, dim, length }, config: { eps_attn: eps }, featureMaps }, batch, memory, layer) {
  const options = { causal: true, layout: 'bthd' };
  if (memory === 'state') {
    const state = attention.state({ batch, heads, dim, eps, featureMap: featureMaps?.[layer] });
    return {
      held: state,
      many: (q, k, v, out) => attention.linear(q, k, v, { ...options, state, out }),
      one: (q, k, v, out) => state.step(q, k, v, { out }),
    };
  }
  const cache = attention.cache({ batch, heads, dim, maxLength: length });
  const many = (q, k, v, out) => attention.softmax(q, k, v, { ...options, cache, out });
  return { held: cache, many, one: many };
}

function rememberingStream(model, batch, memory) {
  const { attention, sizes } = model;
  const layers = [];
  let token;
  const dispose = () => {
    token?.dispose();
    for (const { held } of layers) held.dispose();
  };
  try {
    for (let i = 0; i < sizes.layers; i++) layers.push(openMemory(model, batch, memory, i));
    token = createWork(attention, sizes, batch, 1, memory === 'state');
  } catch (error) {
    dispose();
    throw error;
  }
  const position = () => layers[0].held.length;
  return {
    batch,
    /** Bytes that one stream holds between pixels. */
    bytes: layers.reduce((sum, { held }) => sum + held.bytes, 0) / batch,
    get position() {
      return position();
    },
    feed(tokens) {
      const length = tokens.length / batch;
      const work = length === 1 ? token : createWork(attention, sizes, batch, length);
      try {
        model.run(work, (layer, ...qkvOut) => layers[layer][length === 1 ? 'one' : 'many'](...qkvOut), tokens, position());
        const logits = logitsOf(model, work);
        if (work !== token) token.logits.data.set(logits.data);
        return token.logits;
      } finally {
        if (work !== token) work.dispose();
      }
    },
    reset: () => layers.forEach(({ held }) => held.reset()),
    dispose,
  };
}

/** Keeps the tokens alone, and runs the model over all of them for every pixel. */
function recomputingStream(model, batch) {
  const { attention, sizes } = model;
  const attend = attendToAll(attention, model.config);
  const past = new Int32Array(batch * sizes.length);
  const logits = attention.tensor([batch, sizes.levels]);
  let position = 0;
  return {
    batch,
    bytes: sizes.length, // a byte a pixel
    get position() {
      return position;
    },
    feed(tokens) {
      const count = tokens.length / batch;
      const length = position + count;
      const all = new Int32Array(batch * length);
      for (let b = 0; b < batch; b++) {
        past.set(tokens.subarray(b * count, (b + 1) * count), b * sizes.length + position);
        all.set(past.subarray(b * sizes.length, b * sizes.length + length), b * length);
      }
      const work = createWork(attention, sizes, batch, length);
      try {
        model.run(work, (layer, ...qkvOut) => attend(...qkvOut), all, 0);
        logits.data.set(logitsOf(model, work).data);
      } finally {
        work.dispose();
      }
      position = length;
      return logits;
    },
    reset: () => (position = 0),
    dispose: () => logits.dispose(),
  };
}
