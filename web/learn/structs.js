/** The argument structs of learn.h, as core/structs.js has those of the other headers. */
import { ARGUMENTS, fieldsIn, la_array, la_feature_map, writeStruct } from '../core/structs.js';

const int32 = 'int32';
const uint32 = 'uint32';
const float = 'float';
const pointer = 'pointer';

export const la_map_gradient = { query_weights: pointer, query_bias: pointer, key_weights: pointer, key_bias: pointer };

/** By the function that takes it. */
export const LEARN_ARGUMENTS = {
  la_linear_gradient: {
    forward: pointer, out_gradient: la_array, state_gradient: pointer, sum_gradient: pointer, dq: la_array, dk: la_array, dv: la_array,
    d_decay: pointer, d_beta: pointer, d_state: pointer, d_sum: pointer, d_map: la_map_gradient,
  },
  la_softmax_gradient: { forward: pointer, out_gradient: la_array, dq: la_array, dk: la_array, dv: la_array, d_bias: la_array, d_slopes: pointer },
  la_weights_gradient: {
    batch: int32, heads: int32, kv_heads: int32, n_q: int32, n_k: int32, dim: int32, causal: int32, softmax_scale: float,
    map: la_feature_map, q: la_array, k: la_array, d_map: la_map_gradient, loss: pointer,
  },
  la_distill: {
    heads: int32, kv_heads: int32, n_q: int32, n_k: int32, dim: int32, value_dim: int32, causal: int32, eps: float,
    map: la_feature_map, q: la_array, target: la_array, k: la_array, v: la_array, weights: pointer, squares: pointer, d_map: la_map_gradient,
  },
  la_adam: {
    count: uint32, step: uint32, parameters: pointer, first: pointer, second: pointer, gradient: pointer,
    learning_rate: float, beta1: float, beta2: float, epsilon: float, weight_decay: float,
  },
};

/** Runs one of these calls; `causes` as core.run takes them. */
export const runLearn = (core, call, args, causes) => core.run({ call, args, struct: LEARN_ARGUMENTS[call] }, causes);

/** The address of the argument struct of `call`, a function of the core that is not made but whose gradient is wanted. */
export function placeForward(core, frame, call, args) {
  const at = frame.alloc(4 * fieldsIn(ARGUMENTS[call]));
  writeStruct(core, at >>> 2, ARGUMENTS[call], args);
  return at;
}
