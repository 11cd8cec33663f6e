/**
 * The ONNX operator LinearAttention (opset 27) on an attention instance:
 * https://onnx.ai/onnx/operators/onnx__LinearAttention.html
 */
import { newFloats } from './core/arrays.js';
import { coreOf } from './calls/attention.js';
import { attend } from './calls/linear.js';
import { wrongShape } from './core/errors.js';
import { optionTakers, takeAsIs, takeOptions, takeTensor } from './core/given.js';
import { asNumber } from './core/lists.js';
import { floatsOf, locate } from './core/operand.js';
import { checkInteger, checkNumber, checkOneOf, MAX_SIZE, sameShape } from './core/validate.js';

/** An input may be null where it may be left out. */
const takeInput = (name, value) => (value === null ? undefined : takeTensor(name, value));
const takers = (names, take) => Object.fromEntries(names.map((name) => [name, take]));
const INPUTS = optionTakers(takers(['query', 'key', 'value', 'past_state', 'decay', 'beta'], takeInput));
/** Integers may come as 64-bit ones. */
const ATTRIBUTES = optionTakers({ update_rule: takeAsIs, scale: takeAsIs, ...takers(['q_num_heads', 'kv_num_heads', 'chunk_size'], (name, value) => asNumber(value)) });
const RULES = { linear: [], gated: ['decay'], delta: ['beta'], gated_delta: ['decay', 'beta'] };

function requirePacked({ name, shape }) {
  if (shape.length !== 3) throw wrongShape(name, 'of rank 3, [B, T, heads·dim]', shape);
}

/** [B, T, H·D] as [B, T, H, D]. */
function unpack(given, heads) {
  requirePacked(given);
  const { name, shape } = given;
  const width = shape[2] / heads;
  if (!Number.isInteger(width)) throw wrongShape(name, `[B, T, heads·dim] with the last axis a multiple of ${heads}`, shape);
  return given.reshaped([shape[0], shape[1], heads, width]);
}

/** decay [B, T, kvHeads] or [B, T, kvHeads·dim], as linear() takes it under 'bthd'. */
function unpackDecay(given, [batch, length, heads, dim]) {
  requirePacked(given);
  const { shape } = given;
  const fits = shape[0] === batch && shape[1] === length && (shape[2] === heads || shape[2] === heads * dim);
  if (!fits) throw wrongShape('decay', `[${batch}, ${length}, ${heads}] or [${batch}, ${length}, ${heads * dim}]`, shape);
  return shape[2] === heads ? given : given.reshaped([batch, length, heads, dim]);
}

/** beta [B, T, kvHeads], or [B, T, 1] for all heads. */
function unpackBeta(given, [batch, length, heads]) {
  requirePacked(given);
  const { shape } = given;
  if (shape[0] !== batch || shape[1] !== length || (shape[2] !== heads && shape[2] !== 1)) throw wrongShape('beta', `[${batch}, ${length}, ${heads}] or [${batch}, ${length}, 1]`, shape);
  return given;
}

function checkGates(rule, inputs) {
  for (const name of ['decay', 'beta']) {
    const needed = RULES[rule].includes(name);
    if (needed !== (inputs[name] !== undefined)) throw new TypeError(`update_rule '${rule}' ${needed ? 'needs' : 'has no'} input ${name}`);
  }
}

/**
 * inputs: query [B, T, q_num_heads·dim], key [B, T, kv_num_heads·dim], value [B, T, kv_num_heads·valueDim], past_state?
 * [B, kv_num_heads, dim, valueDim], decay?, beta?. Returns output [B, T, q_num_heads·valueDim] and present_state.
 */
export function LinearAttention(attention, inputs, attributes) {
  const core = coreOf(attention);
  const given = takeOptions('LinearAttention inputs', inputs, INPUTS);
  const a = takeOptions('LinearAttention attributes', attributes, ATTRIBUTES);
  const rule = checkOneOf('update_rule', a.update_rule, Object.keys(RULES), 'gated_delta');
  const heads = checkInteger('q_num_heads', a.q_num_heads, 1, MAX_SIZE);
  const kvHeads = checkInteger('kv_num_heads', a.kv_num_heads, 1, MAX_SIZE);
  if (heads % kvHeads !== 0) throw new RangeError(`q_num_heads must be a multiple of kv_num_heads (${kvHeads}), got ${heads}`);
  checkInteger('chunk_size', a.chunk_size, 0, MAX_SIZE, 0);
  checkGates(rule, given);
  const named = { q: ['query', heads], k: ['key', kvHeads], v: ['value', kvHeads] };
  const unpacked = Object.fromEntries(Object.entries(named).map(([key, [name, count]]) => [key, unpack(given[name] ?? takeTensor(name, undefined), count)]));
  const [batch, , , dim] = unpacked.k.shape;
  const valueDim = unpacked.v.shape[3];
  const scale = checkNumber('scale', a.scale, 0) || 1 / Math.sqrt(dim);
  const stateShape = [batch, kvHeads, dim, valueDim];
  if (given.past_state && !sameShape(given.past_state.shape, stateShape)) throw wrongShape('past_state', `[${stateShape.join(', ')}]`, given.past_state.shape);
  const decay = given.decay && unpackDecay(given.decay, unpacked.k.shape);
  const beta = given.beta && unpackBeta(given.beta, unpacked.k.shape);
  core.check();
  // Making the state may grow the memory, which detaches views of it: all inputs are located before.
  const located = Object.fromEntries(Object.entries({ ...unpacked, decay, beta, past: given.past_state }).map(([name, one]) => [name, one && locate(core, one)]));
  // A batch of none has a state of none, which is no State.
  const state = batch === 0 ? undefined : attention.state({ batch, heads: kvHeads, dim, valueDim, featureMap: 'identity', normalize: false, scale });
  try {
    if (state && located.past) state.set({ data: floatsOf(core, located.past), shape: stateShape });
    const { q, k, v } = located;
    const settings = { featureMap: 'identity', normalize: false, scale, causal: true, layout: 'bthd', allowGrowth: true };
    const { data, shape } = attend(core, { q, k, v }, { ...settings, decay: located.decay, beta: located.beta, state });
    const output = { data, shape: [shape[0], shape[1], heads * valueDim] };
    return { output, present_state: { data: state ? state.data : newFloats(0), shape: stateShape } };
  } finally {
    state?.dispose();
  }
}
