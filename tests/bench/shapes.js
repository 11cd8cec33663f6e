/** `npm run bench -- --shapes`: the attention operator alone, in the shapes of published models. */
import { gaussian, mulberry32, tensorOf } from '../util.js';
import { measure } from './measure.js';
import { duration, markdown } from './peers/table.js';
import { unitRows } from './unit_rows.js';

const LENGTH = 2048;
const gammas = (heads) => tensorOf([heads], (h) => Math.log(1 - 2 ** (-5 - h)));

/** A decay or beta of every token, uniform between two numbers. */
function uniform(shape, seed, low, high) {
  const next = mulberry32(seed);
  return tensorOf(shape, () => low + (high - low) * next());
}

/**
 * heads: of q, k and v. gates(length): those of so many tokens, by what the models make of their own inputs.
 *
 * RetNet: arXiv 2307.08621, 1.3B: width 2048, 8 heads, keys of 256, values twice as wide. GLA: arXiv 2312.06635, 1.3B:
 * width 2048, 4 heads, keys of half the width, values of all of it; g is log(sigmoid)/16. Gated DeltaNet: arXiv 2412.06464,
 * layer of 1.3B in fla-org/flash-linear-attention: 6 heads of 256, values twice as wide. Qwen3-Next and Qwen3.5:
 * configuration_qwen3_next.py of huggingface/transformers: linear_num_key_heads 16, linear_num_value_heads 32, both of 128.
 * Mamba-2: arXiv 2405.21060, 2.7B: width 2560 twice expanded, heads of 64, states of 128, one group of B and C.
 */
export const shapes = [
  { name: 'RetNet 1.3B', rule: 'a decay a head', heads: [8, 8, 8], dim: 256, valueDim: 512, gates: () => ({ decay: gammas(8) }) },
  { name: 'GLA 1.3B', rule: 'a decay a channel', heads: [4, 4, 4], dim: 256, valueDim: 512, gates: (length) => ({ decay: uniform([1, 4, length, 256], 4, -0.25, 0) }) },
  { name: 'Gated DeltaNet 1.3B', rule: 'gated delta', heads: [6, 6, 6], dim: 256, valueDim: 512, delta: true, gates: (length) => gatedDelta(6, length) },
  { name: 'Qwen3.5-like Gated DeltaNet', rule: 'gated delta', heads: [16, 16, 32], dim: 128, valueDim: 128, delta: true, gates: (length) => gatedDelta(32, length) },
  { name: 'Mamba-2 2.7B', rule: 'a decay a head and token', heads: [1, 1, 80], dim: 128, valueDim: 64, gates: (length) => ({ decay: uniform([1, 80, length], 4, -1, -0.001) }) },
];

const gatedDelta = (heads, length) => ({ decay: uniform([1, heads, length], 4, -0.5, -0.001), beta: uniform([1, heads, length], 5, 0.1, 0.9) });

/** Useful floating-point operations of a token: write and read, and what the delta rule recalls. */
export function flopsOf({ heads: [q, k, v], dim, valueDim, delta }) {
  const states = Math.max(k, v);
  return 2 * dim * valueDim * (states * (delta ? 2 : 1) + Math.max(q, states));
}

/** A gate as the step takes it: one that never changes stays what it is. */
const ofOneToken = ({ data, shape }) => (shape.length < 3 ? { data, shape } : { data, shape: [shape[0], shape[1], ...shape.slice(3)] });

/** { prefill, token, bytes, close } of a shape: resident tensors, results into one, the state going on. */
function prepare(attention, shape, length = LENGTH) {
  const { heads, dim, valueDim, delta, gates } = shape;
  const [q, k, v] = heads;
  const kept = [];
  const keep = (one) => {
    kept.push(one);
    return one;
  };
  const resident = (x) => keep(attention.tensor(x.shape, x.data));
  const draw = (count, rows, width, seed) => gaussian([1, count, rows, width], seed, width ** -0.25);
  const vectors = (rows) => [draw(q, rows, dim, 1), delta ? unitRows(draw(k, rows, dim, 2)) : draw(k, rows, dim, 2), draw(v, rows, valueDim, 3)];
  const asToken = ({ data, shape: [B, H, , d] }) => ({ data, shape: [B, H, d] });
  const held = (given, form) => Object.fromEntries(Object.entries(given).map(([name, gate]) => [name, resident(form(gate))]));
  const whole = vectors(length).map(resident);
  const one = vectors(1).map(asToken).map(resident);
  const most = Math.max(...heads);
  const [out, tokenOut] = [resident(tensorOf([1, most, length, valueDim], () => 0)), resident(tensorOf([1, most, valueDim], () => 0))];
  const form = { featureMap: 'identity', normalize: false, scale: dim ** -0.5 };
  const state = keep(attention.state({ heads: Math.max(k, v), dim, valueDim, ...form }));
  const options = { ...held(gates(length), (gate) => gate), state, out };
  const tokenOptions = { ...held(gates(1), ofOneToken), out: tokenOut };
  return {
    prefill: () => attention.linear(...whole, options),
    token: () => state.step(...one, tokenOptions),
    bytes: state.bytes,
    close: () => kept.reverse().forEach((object) => object.dispose()),
  };
}

/** Medians of every shape, one shape after another: a state of some megabytes would be pushed out of the caches by the next. */
export function measureShapes(attention, list, { rounds }) {
  return list.map((shape) => {
    const { prefill, token, bytes, close } = prepare(attention, shape);
    const [whole, one] = measure([{ run: prefill }, { run: token }], { rounds });
    close();
    const flops = flopsOf(shape) * LENGTH;
    return { name: shape.name, rule: shape.rule, heads: shape.heads, dim: shape.dim, valueDim: shape.valueDim, prefillMs: whole.ms, gflops: flops / whole.ms / 1e6, tokenMs: one.ms, bytes };
  });
}

export function shapesText(rows) {
  const head = ['', 'heads of q, k, v', 'key × value', `${LENGTH.toLocaleString('en')} tokens`, 'GFLOP/s', 'one token', 'state'];
  const cells = rows.map(({ name, rule, heads, dim, valueDim, prefillMs, gflops, tokenMs, bytes }) => [`${name}, ${rule}`, heads.join(', '), `${dim} × ${valueDim}`, duration(prefillMs), gflops.toFixed(1), duration(tokenMs), `${(bytes / 2 ** 20).toFixed(1)} MiB`]);
  return markdown([head, ...cells]);
}
