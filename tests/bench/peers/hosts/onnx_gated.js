/** RetNet's and Gated DeltaNet's recurrence as ONNX graphs: the operator, and for one decay a head products inside chunks. */
import { Graph } from '../onnx_file.js';
import { swapAxes } from './swap_axes.js';

const CHUNKS = [32, 64, 128];

/** LinearAttention of this update rule: q, k and v as [1, length, heads·dim], gates as [1, length, heads]. */
const operator = ({ rule, heads, length, dim }) => {
  const g = new Graph();
  const dims = [1, length, heads * dim];
  const gates = [1, length, heads];
  for (const name of ['q', 'k', 'v']) g.input(name, dims);
  g.input('decay', gates);
  const isDelta = rule === 'gated_delta';
  if (isDelta) g.input('beta', gates);
  const attributes = { q_num_heads: heads, kv_num_heads: heads, update_rule: rule, scale: { float: 1 } };
  g.outputsOf('LinearAttention', ['q', 'k', 'v', '', 'decay', ...(isDelta ? ['beta'] : [])], attributes, ['y', 'state'], 'com.microsoft');
  g.output('y', dims);
  const pack = ({ data }, width) => swapAxes(data, heads, length, width);
  return {
    graph: g,
    packed: true,
    feeds: ({ q, k, v, decay, beta }) => ({
      ...Object.fromEntries(Object.entries({ q, k, v }).map(([name, x]) => [name, [dims, pack(x, dim)]])),
      decay: [gates, pack(decay, 1)],
      ...(isDelta && { beta: [gates, pack(beta, 1)] }),
    }),
  };
};

/** The same in products: inside a chunk by powers of gamma, between chunks by powers of gamma^size. */
const chunkwise = (size) => ({ heads, length, dim }) => {
  const g = new Graph();
  const count = length / size;
  for (const name of ['q', 'k', 'v']) g.input(name, [1, heads, length, dim]);
  const powers = (dims, exponent) => {
    const [rows, columns] = dims.slice(-2);
    const of = (h, i, j) => {
      const e = exponent(i, j);
      return e < 0 ? 0 : (1 - 2 ** (-5 - h)) ** e;
    };
    return g.floats(dims, Float32Array.from({ length: heads * rows * columns }, (_, n) => of(Math.floor(n / rows / columns), Math.floor(n / columns) % rows, n % columns)));
  };
  const [q, k, v] = ['q', 'k', 'v'].map((name) => g.op('Reshape', [name, g.ints([heads, count, size, dim])]));
  const weights = g.op('Mul', [g.contrib('FusedMatMul', [q, k], { transB: 1 }), powers([heads, 1, size, size], (i, j) => i - j)]);
  const faded = g.op('Mul', [k, powers([heads, 1, size, 1], (i) => size - 1 - i)]);
  const sums = g.op('Reshape', [g.contrib('FusedMatMul', [faded, v], { transA: 1 }), g.ints([heads, count, dim * dim])]);
  const before = g.op('MatMul', [powers([heads, count, count], (n, m) => size * (n - 1 - m)), sums]);
  const state = g.op('Reshape', [before, g.ints([heads, count, dim, dim])]);
  const late = g.op('Mul', [q, powers([heads, 1, size, 1], (i) => i + 1)]);
  const values = g.op('Add', [g.op('MatMul', [weights, v]), g.op('MatMul', [late, state])]);
  g.op('Reshape', [values, g.ints([1, heads, length, dim])], {}, 'y');
  g.output('y', [1, heads, length, dim]);
  return { graph: g, feeds: ({ q: queries, k: keys, v: vectors }) => ({ q: [queries.shape, queries.data], k: [keys.shape, keys.data], v: [vectors.shape, vectors.data] }) };
};

export function gatedWays({ rule, length }) {
  const chunks = rule === 'gated' ? CHUNKS.filter((size) => length % size === 0).map((size) => [`chunks of ${size}`, chunkwise(size)]) : [];
  return { LinearAttention: operator, ...Object.fromEntries(chunks) };
}
