// What the library is asked to do in Node, in a page and in a Worker: the same calls must give the same bits.

export const batch = 2;
export const heads = 3;
export const length = 37; // a prime: no tile divides it
export const dim = 12;
export const valueDim = 10;

/** { q, k, v }, [batch, heads, length, dim]; periodic with a prime period. */
export function makeInputs() {
  const make = (seed, width) => ({
    data: Float32Array.from({ length: batch * heads * length * width }, (_, i) => Math.fround((((i + seed) * 7919) % 251) / 125 - 1)),
    shape: [batch, heads, length, width],
  });
  return { q: make(1, dim), k: make(20, dim), v: make(300, valueDim) };
}

/** The vectors of token t, [batch, heads, width]. */
function token({ data, shape }, t) {
  const width = shape[3];
  const rows = new Float32Array(batch * heads * width);
  for (let n = 0; n < batch * heads; n++) {
    const start = (n * length + t) * width;
    rows.set(data.subarray(start, start + width), n * width);
  }
  return { data: rows, shape: [batch, heads, width] };
}

/** Runs every kind of call; what it returns survives JSON. Disposes the instance. */
export function runScenario(attention) {
  const { q, k, v } = makeInputs();
  const numbers = ({ data }) => Array.from(data);
  const results = {
    build: attention.build,
    linear: numbers(attention.linear(q, k, v)),
    linearCausal: numbers(attention.linear(q, k, v, { causal: true })),
    softmax: numbers(attention.softmax(q, k, v)),
    softmaxCausal: numbers(attention.softmax(q, k, v, { causal: true })),
  };

  const half = length >> 1;
  const state = attention.state({ batch, heads, dim, valueDim });
  const step = (from, t) => from.step(token(q, t), token(k, t), token(v, t));
  for (let t = 0; t < half; t++) step(state, t);
  const restored = attention.restore(state.save());
  for (let t = half; t < length - 1; t++) {
    step(state, t);
    step(restored, t);
  }
  results.lastStep = numbers(step(state, length - 1));
  results.lastRestoredStep = numbers(step(restored, length - 1));
  results.stateLength = restored.length;

  attention.dispose();
  return results;
}

/** An error as what JSON carries. */
export const describeError = (error) => ({ error: { name: error.name, code: error.code, message: error.message } });
