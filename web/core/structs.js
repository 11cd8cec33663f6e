/**
 * The argument structs of linear_attention.h and nn.h: names and types of their fields, in the header's order. A value
 * is an object by those names; what it leaves out is 0, as in a struct of C. tests/structs.test.js compares them with the headers.
 */
const int32 = 'int32';
const uint32 = 'uint32';
const float = 'float';
const pointer = 'pointer';

export const la_array = { data: pointer, batch: uint32, head: uint32, row: uint32 };

export const la_gate = { data: pointer, heads: uint32, batch: uint32, head: uint32, row: uint32, channel: uint32 };

export const la_feature_map = {
  kind: int32, dim: int32, size: int32, options: int32, epsilon: float, query_heads: int32, key_heads: int32,
  query_weights: pointer, key_weights: pointer, query_bias: pointer, key_bias: pointer,
};

export const la_softmax_span = { batch: int32, first_query: int32, queries: int32, first_key: int32, keys: int32, offset: int32, gap: int32 };

const la_state = { heads: int32, features: int32, value_dim: int32, state: pointer, s: pointer, z: pointer, exponents: pointer, powers: pointer };

/** By the function that takes it. */
export const ARGUMENTS = {
  la_softmax: {
    batch: int32, heads: int32, kv_heads: int32, n_q: int32, n_k: int32, dim: int32, value_dim: int32,
    causal: int32, causal_offset: int32, window: int32, sinks: int32, scale: float, softcap: float, key_lengths: pointer,
    spans: pointer, span_count: int32, q: la_array, k: la_array, v: la_array, out: la_array, bias: la_array, slopes: pointer,
    maximum: pointer, sum: pointer, first: uint32, count: uint32,
  },
  la_linear: {
    batch: int32, heads: int32, q_heads: int32, k_heads: int32, v_heads: int32, n_q: int32, n_k: int32, dim: int32, value_dim: int32,
    causal: int32, normalize: int32, scale: float, eps: float, map: la_feature_map, positions: pointer, key_lengths: pointer, starts: pointer,
    q: la_array, k: la_array, v: la_array, out: la_array, decay: la_gate, beta: la_gate, write_gate: la_gate,
    allow_growth: int32, state: pointer, first: uint32, count: uint32,
  },
  la_state_read: la_state,
  la_state_write: la_state,
  la_weights: {
    batch: int32, heads: int32, kv_heads: int32, n_q: int32, n_k: int32, dim: int32, kind: int32, causal: int32, scale: float,
    map: la_feature_map, q: la_array, k: la_array, out: pointer,
  },
  la_gap: {
    batch: int32, heads: int32, kv_heads: int32, n_q: int32, n_k: int32, dim: int32, value_dim: int32, causal: int32,
    scale: float, eps: float, softmax_scale: float, map: la_feature_map, q: la_array, k: la_array, v: la_array, out: pointer,
  },
  la_dense: { rows: int32, inputs: int32, outputs: int32, activation: int32, x: pointer, packed: pointer, residual: pointer, out: pointer },
  la_layer_norm: { rows: int32, width: int32, eps: float, x: pointer, weight: pointer, bias: pointer, out: pointer },
  la_sample: { rows: int32, classes: int32, temperature: float, logits: pointer, generators: pointer, out: pointer },
};

/** Fields of 32 bits each: a struct's size is four times their number. */
export const fieldsIn = (type) => (typeof type === 'string' ? 1 : Object.values(type).reduce((sum, field) => sum + fieldsIn(field), 0));

/** A struct as a list of fields, which is walked faster than an object; `inner`: the list of a struct in it, or null. */
const listed = new Map();
function listOf(struct) {
  let list = listed.get(struct);
  if (!list) {
    list = Object.entries(struct).map(([name, type]) => ({ name, isFloat: type === float, inner: typeof type === 'string' ? null : listOf(type), words: fieldsIn(type) }));
    listed.set(struct, list);
  }
  return list;
}

function writeList(i32, f32, at, list, values) {
  for (let i = 0; i < list.length; i++) {
    const { name, isFloat, inner, words } = list[i];
    const value = values[name];
    if (inner !== null) {
      if (value) writeList(i32, f32, at, inner, value);
      else i32.fill(0, at, at + words);
    } else if (isFloat) f32[at] = value ?? 0;
    else i32[at] = value ?? 0;
    at += words;
  }
}

/** Where each field lies, in 32-bit words from the struct's first, by names as in the struct. */
export function wordsOf(struct, first = 0) {
  let at = first;
  return Object.fromEntries(listOf(struct).map(({ name, inner, words }) => {
    const word = at;
    at += words;
    return [name, inner === null ? word : wordsOf(struct[name], word)];
  }));
}

/** Writes a struct from the 32-bit word `at` on. */
export function writeStruct({ i32, f32 }, at, struct, values) {
  writeList(i32, f32, at, listOf(struct), values);
}
