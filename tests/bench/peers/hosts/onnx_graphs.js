/**
 * Attention as ONNX graphs, the fastest of each kind that were found: operators where there are any, composed where not.
 * A way is (case) => { graph, feeds(inputs) → { name: [dims, data] }, packed }; packed results are [length, heads, dim].
 */
import { Graph } from '../onnx_file.js';
import { gatedWays } from './onnx_gated.js';
import { swapAxes } from './swap_axes.js';

/** elu(x) + 1 by the operator of that name, and by the vectorised exp: which is faster differs between builds. */
const maps = {
  Elu: (g, x) => g.op('Add', [g.op('Elu', [x]), g.floats([], [1])]),
  Exp: (g, x) => g.op('Add', [g.op('Relu', [x]), g.op('Exp', [g.op('Min', [x, g.floats([], [0])])])]),
};

const plainFeeds = ({ q, k, v }) => ({ q: [q.shape, q.data], k: [k.shape, k.data], v: [v.shape, v.data] });
const queries = ({ token, length }) => (token ? 1 : length);

function plainInputs(g, { heads, length, dim, ...rest }) {
  g.input('q', [1, heads, queries({ length, ...rest }), dim]);
  for (const name of ['k', 'v']) g.input(name, [1, heads, length, dim]);
  g.output('y', [1, heads, queries({ length, ...rest }), dim]);
}

const lowerTriangle = (n, inside, outside) => Float32Array.from({ length: n * n }, (_, i) => (i % n <= Math.floor(i / n) ? inside : outside));

function composedSoftmax(one) {
  const { causal, length, dim } = one;
  const g = new Graph();
  plainInputs(g, one);
  let scores = g.op('Mul', [g.op('MatMul', ['q', g.op('Transpose', ['k'], { perm: [0, 1, 3, 2] })]), g.floats([], [1 / Math.sqrt(dim)])]);
  if (causal) scores = g.op('Add', [scores, g.input('mask', [length, length])]);
  g.op('MatMul', [g.op('Softmax', [scores], { axis: -1 }), 'v'], {}, 'y');
  const mask = causal ? { mask: [[length, length], lowerTriangle(length, 0, -1e30)] } : {};
  return { graph: g, feeds: (inputs) => ({ ...plainFeeds(inputs), ...mask }) };
}

function attentionOperator(one) {
  const g = new Graph({ opset: 23 });
  plainInputs(g, one);
  g.op('Attention', ['q', 'k', 'v'], { is_causal: Number(one.causal) }, 'y');
  return { graph: g, feeds: plainFeeds };
}

/** A token's keys and values come as [heads, length, dim], the operator's form for cross-attention: nothing is transposed. */
function multiHeadAttention(one) {
  const { causal, token, heads, length, dim } = one;
  const g = new Graph();
  const width = heads * dim;
  const q = [1, queries(one), width];
  const kv = token ? [1, heads, length, dim] : [1, length, width];
  g.input('q', q);
  g.input('k', kv);
  g.input('v', kv);
  g.output('y', q);
  g.contrib('MultiHeadAttention', ['q', 'k', 'v'], { num_heads: heads, unidirectional: Number(causal) }, 'y');
  const pack = ({ data }) => swapAxes(data, heads, length, dim);
  return {
    graph: g,
    packed: true,
    feeds: (inputs) => ({ q: [q, token ? inputs.q.data : pack(inputs.q)], k: [kv, token ? inputs.k.data : pack(inputs.k)], v: [kv, token ? inputs.v.data : pack(inputs.v)] }),
  };
}

const composedLinear = (map) => (one) => {
  const g = new Graph();
  plainInputs(g, one);
  const [q, k] = [map(g, 'q'), map(g, 'k')];
  const state = g.contrib('FusedMatMul', [k, 'v'], { transA: 1 });
  const keySum = g.op('ReduceSum', [k, g.ints([2])], { keepdims: 1 });
  g.op('Div', [g.op('MatMul', [q, state]), g.contrib('FusedMatMul', [q, keySum], { transB: 1 })], {}, 'y');
  return { graph: g, feeds: plainFeeds };
};

const linearOperator = (g, inputs, heads, outputs) =>
  g.outputsOf('LinearAttention', inputs, { q_num_heads: heads, kv_num_heads: heads, update_rule: 'linear', scale: { float: 1 } }, outputs, 'com.microsoft')[0];

/** The operator on computed features, and a cumulative sum for the normaliser. */
const linearAttention = (map) => ({ heads, length, dim }) => {
  const g = new Graph();
  const dims = [1, length, heads * dim];
  const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, dims));
  const [fq, fk] = [map(g, q), map(g, k)];
  const byHead = (x) => g.op('Reshape', [x, g.ints([1, length, heads, dim])]);
  const sums = g.op('Mul', [fq, g.op('CumSum', [fk, g.ints([1], [])])]);
  const normaliser = g.op('ReduceSum', [byHead(sums), g.ints([3])], { keepdims: 1 });
  const values = byHead(linearOperator(g, [fq, fk, v], heads, ['o', 'state']));
  g.op('Reshape', [g.op('Div', [values, normaliser]), g.ints(dims)], {}, 'y');
  g.output('y', dims);
  const pack = ({ data }) => [dims, swapAxes(data, heads, length, dim)];
  return { graph: g, packed: true, feeds: (inputs) => ({ q: pack(inputs.q), k: pack(inputs.k), v: pack(inputs.v) }) };
};

/** Matrix products inside chunks; the state before each chunk is a cumulative sum over chunks. */
const chunkwise = (map, size) => (one) => {
  const { heads, length, dim } = one;
  const g = new Graph();
  plainInputs(g, one);
  const cut = (x) => g.op('Reshape', [x, g.ints([heads, length / size, size, dim])]);
  const [q, k, v] = [cut(map(g, 'q')), cut(map(g, 'k')), cut('v')];
  const weights = g.op('Mul', [g.contrib('FusedMatMul', [q, k], { transB: 1 }), g.floats([size, size], lowerTriangle(size, 1, 0))]);
  const before = (x) => g.op('CumSum', [x, g.ints([1], [])], { exclusive: 1 });
  const state = before(g.contrib('FusedMatMul', [k, v], { transA: 1 }));
  const keySum = before(g.op('ReduceSum', [k, g.ints([2])], { keepdims: 1 }));
  const values = g.op('Add', [g.op('MatMul', [weights, v]), g.op('MatMul', [q, state])]);
  const normaliser = g.op('Add', [g.op('ReduceSum', [weights, g.ints([3])], { keepdims: 1 }), g.contrib('FusedMatMul', [q, keySum], { transB: 1 })]);
  g.op('Reshape', [g.op('Div', [values, normaliser]), g.ints([1, heads, length, dim])], {}, 'y');
  return { graph: g, feeds: plainFeeds };
};

/** What both forms of a step share: state and key sum go in and come out. */
function stepFeeds(g, token, state, keySum) {
  for (const name of ['q', 'k', 'v']) g.input(name, token);
  g.input('S', state);
  g.input('z', keySum);
  g.output('y', token);
  g.output('S_next', state);
  g.output('z_next', keySum);
  return ({ q, step, S, z }) => ({ q: [token, q.data], k: [token, step.k.data], v: [token, step.v.data], S: [state, S.data], z: [keySum, z.data] });
}

const stepOperator = (map) => ({ heads, dim }) => {
  const g = new Graph();
  const row = [1, 1, heads * dim];
  const feeds = stepFeeds(g, row, [1, heads, dim, dim], row);
  const [q, k] = [map(g, 'q'), map(g, 'k')];
  const values = linearOperator(g, [q, k, 'v', 'S'], heads, ['o', 'S_next']);
  const keySum = g.op('Add', ['z', k], {}, 'z_next');
  const byHead = (x) => g.op('Reshape', [x, g.ints([1, 1, heads, dim])]);
  const normaliser = g.op('ReduceSum', [byHead(g.op('Mul', [q, keySum])), g.ints([3])], { keepdims: 1 });
  g.op('Reshape', [g.op('Div', [byHead(values), normaliser]), g.ints(row)], {}, 'y');
  return { graph: g, feeds };
};

const stepComposed = (map) => ({ heads, dim }) => {
  const g = new Graph();
  const row = [heads, 1, dim];
  const feeds = stepFeeds(g, row, [heads, dim, dim], row);
  const [q, k] = [map(g, 'q'), map(g, 'k')];
  const state = g.op('Add', ['S', g.contrib('FusedMatMul', [k, 'v'], { transA: 1 })], {}, 'S_next');
  const keySum = g.op('Add', ['z', k], {}, 'z_next');
  g.op('Div', [g.op('MatMul', [q, state]), g.contrib('FusedMatMul', [q, keySum], { transB: 1 })], {}, 'y');
  return { graph: g, feeds };
};

const CHUNKS = [32, 64, 128];
const withMaps = (name, form) => Object.entries(maps).map(([map, apply]) => [`${name}, ${map}`, form(apply)]);

/** Every way to compute a case: { name: (case) => … }. */
export function waysOf({ kind, rule, causal, token, length }) {
  if (rule) return gatedWays({ rule, length });
  if (kind === 'softmax') return { composed: composedSoftmax, Attention: attentionOperator, MultiHeadAttention: multiHeadAttention };
  if (token) return Object.fromEntries([...withMaps('LinearAttention', stepOperator), ...withMaps('composed', stepComposed)]);
  if (!causal) return Object.fromEntries(withMaps('composed', composedLinear));
  const chunks = CHUNKS.filter((size) => length % size === 0).flatMap((size) => withMaps(`chunks of ${size}`, (map) => chunkwise(map, size)));
  return Object.fromEntries([...withMaps('LinearAttention', linearAttention), ...chunks]);
}
