/**
 * The ONNX operator LinearAttention (opset 27) on an attention instance:
 * https://onnx.ai/onnx/operators/onnx__LinearAttention.html
 */
import { coreOf } from './calls/attention.js';
import { wrongShape } from './core/errors.js';
import { linear } from './calls/linear.js';
import { floatsOf, readOperand } from './core/operand.js';
import { checkInteger, checkNumber, checkOneOf, checkOptions, MAX_SIZE, sameShape } from './core/validate.js';

const INPUTS = ['query', 'key', 'value', 'past_state', 'decay', 'beta'];
const ATTRIBUTES = ['update_rule', 'scale', 'q_num_heads', 'kv_num_heads', 'chunk_size'];
const NAMES = { q: 'query', k: 'key', v: 'value' };
const RULES = { linear: [], gated: ['decay'], delta: ['beta'], gated_delta: ['decay', 'beta'] };

const given = (value) => value !== undefined && value !== null;

/** [B, T, H·D] as [B, T, H, D]. */
function unpack(core, name, value, heads) {
  const { operand, shape } = readPacked(core, name, value);
  const width = shape[2] / heads;
  if (!Number.isInteger(width)) throw wrongShape(name, `[B, T, heads·dim] with the last axis a multiple of ${heads}`, shape);
  return tensorOf(core, operand, [shape[0], shape[1], heads, width]);
}

function readPacked(core, name, value) {
  const operand = readOperand(core, name, value);
  if (operand.shape.length !== 3) throw wrongShape(name, 'of rank 3, [B, T, heads·dim]', operand.shape);
  return { operand, shape: operand.shape };
}

/** An operand as a tensor of another shape. What is resident is read when asked for: making the state may grow the memory. */
function tensorOf(core, operand, shape) {
  return { get data() { return floatsOf(core, operand); }, shape };
}

/** decay [B, T, kvHeads] or [B, T, kvHeads·dim], as linear() takes it under 'bthd'. */
function unpackDecay(core, value, [batch, length, heads, dim]) {
  const { operand, shape } = readPacked(core, 'decay', value);
  const fits = shape[0] === batch && shape[1] === length && (shape[2] === heads || shape[2] === heads * dim);
  if (!fits) throw wrongShape('decay', `[${batch}, ${length}, ${heads}] or [${batch}, ${length}, ${heads * dim}]`, shape);
  return tensorOf(core, operand, shape[2] === heads ? shape : [batch, length, heads, dim]);
}

/** beta [B, T, kvHeads], or [B, T, 1] for all heads. */
function unpackBeta(core, value, [batch, length, heads]) {
  const { operand, shape } = readPacked(core, 'beta', value);
  if (shape[0] !== batch || shape[1] !== length || (shape[2] !== heads && shape[2] !== 1)) throw wrongShape('beta', `[${batch}, ${length}, ${heads}] or [${batch}, ${length}, 1]`, shape);
  return tensorOf(core, operand, shape);
}

function checkGates(rule, inputs) {
  for (const name of ['decay', 'beta']) {
    const needed = RULES[rule].includes(name);
    if (needed !== given(inputs[name])) throw new TypeError(`update_rule '${rule}' ${needed ? 'needs' : 'has no'} input ${name}`);
  }
}

/**
 * inputs: query [B, T, q_num_heads·dim], key [B, T, kv_num_heads·dim], value [B, T, kv_num_heads·valueDim], past_state?
 * [B, kv_num_heads, dim, valueDim], decay?, beta?. Returns output [B, T, q_num_heads·valueDim] and present_state.
 */
export function LinearAttention(attention, inputs, attributes) {
  const core = coreOf(attention);
  const provided = checkOptions('LinearAttention inputs', inputs, INPUTS);
  const a = checkOptions('LinearAttention attributes', attributes, ATTRIBUTES);
  const rule = checkOneOf('update_rule', a.update_rule, Object.keys(RULES), 'gated_delta');
  const heads = checkInteger('q_num_heads', a.q_num_heads, 1, MAX_SIZE);
  const kvHeads = checkInteger('kv_num_heads', a.kv_num_heads, 1, MAX_SIZE);
  if (heads % kvHeads !== 0) throw new RangeError(`q_num_heads must be a multiple of kv_num_heads (${kvHeads}), got ${heads}`);
  checkInteger('chunk_size', a.chunk_size, 0, MAX_SIZE, 0);
  checkGates(rule, provided);
  const q = unpack(core, 'query', provided.query, heads);
  const k = unpack(core, 'key', provided.key, kvHeads);
  const v = unpack(core, 'value', provided.value, kvHeads);
  const [batch, , , dim] = k.shape;
  const valueDim = v.shape[3];
  const scale = checkNumber('scale', a.scale, 0) || 1 / Math.sqrt(dim);
  const gates = {
    ...(given(provided.decay) && { decay: unpackDecay(core, provided.decay, k.shape) }),
    ...(given(provided.beta) && { beta: unpackBeta(core, provided.beta, k.shape) }),
  };
  const past = given(provided.past_state) ? readOperand(core, 'past_state', provided.past_state) : null;
  const stateShape = [batch, kvHeads, dim, valueDim];
  if (past && !sameShape(past.shape, stateShape)) throw wrongShape('past_state', `[${stateShape.join(', ')}]`, past.shape);
  const state = attention.state({ batch, heads: kvHeads, dim, valueDim, featureMap: 'identity', normalize: false, scale });
  try {
    if (past) state.set(tensorOf(core, past, past.shape));
    const { data, shape } = linear(core, q, k, v, { ...gates, state, causal: true, layout: 'bthd', allowGrowth: true }, { names: NAMES });
    const output = { data, shape: [shape[0], shape[1], heads * valueDim] };
    return { output, present_state: { data: state.data.slice(), shape: stateShape } };
  } finally {
    state.dispose();
  }
}
