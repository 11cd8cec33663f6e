import type { Attention, Input, Result } from './index.js';

/** Inputs of the operator under its own names. Heads are packed into the last axis. */
export interface LinearAttentionInputs {
  /** [B, T, q_num_heads·dim] */
  query: Input;
  /** [B, T, kv_num_heads·dim]; normalised to length 1 a head by the caller for the delta rules. */
  key: Input;
  /** [B, T, kv_num_heads·valueDim] */
  value: Input;
  /** [B, kv_num_heads, dim, valueDim]. Default: zeros. */
  past_state?: Input | null;
  /** [B, T, kv_num_heads] or [B, T, kv_num_heads·dim], a logarithm: gated rules need it. Default: none, as the others want. */
  decay?: Input | null;
  /** [B, T, kv_num_heads] or [B, T, 1], finite: delta rules need it. Default: none, as the others want. */
  beta?: Input | null;
}

/** Attributes of the operator under its own names; integers may come as 64-bit ones, as ONNX stores them. */
export interface LinearAttentionAttributes {
  /** Which of decay and beta there are. Default `'gated_delta'`. */
  update_rule?: 'linear' | 'gated' | 'delta' | 'gated_delta';
  /** A positive multiple of kv_num_heads. */
  q_num_heads: number | bigint;
  /** Heads of key and value, at least 1. */
  kv_num_heads: number | bigint;
  /** Multiplies the output; 0 stands for the default. Default 1/√dim. */
  scale?: number;
  /** A hint, an integer from 0, that changes no result. Default: none. */
  chunk_size?: number | bigint;
}

/**
 * The ONNX operator LinearAttention, opset 27.
 *
 * Returns output [B, T, q_num_heads·valueDim] and present_state [B, kv_num_heads, dim, valueDim]. With B = 0 both are
 * empty: data of length 0 with these shapes, which past_state takes again. With T = 0 present_state is past_state.
 * https://onnx.ai/onnx/operators/onnx__LinearAttention.html
 *
 * @example LinearAttention(attention, { query, key, value, decay, beta }, { q_num_heads: 8, kv_num_heads: 8 });
 * @throws TypeError for missing or superfluous inputs, RangeError for wrong shapes and attributes
 */
export function LinearAttention(
  attention: Attention,
  inputs: LinearAttentionInputs,
  attributes: LinearAttentionAttributes,
): { output: Result; present_state: Result };
