#include "learn/full_gradient.h"

#include <math.h>

#include "base/arguments.h"
#include "threads/parallel.h"

static void query_block(gradient_stream *s, size_t head, size_t t, size_t tokens) {
  const linear_call *call = s->call;
  size_t next = token_floats(call), row = s->s.row;
  float *queries = stream_row(s, 0) + call->stride, *r = s->sum;
  stream_queries(s, head, t, tokens);
  block_product(s->d_features, row, tokens, call->d_f, (block_outside){s->out, s->out_row, call->d_v, s->s.t, row}, (block_inside){0}, BLOCK_SET);
  zero_floats(r, row);
  float left[BLOCK]; /* that queries are to be multiplied by before they go into R */
  for (size_t u = 0; u < tokens; u++) {
    float *q = queries + u * next, *gradient = s->d_features + u * row, h = 0.0f;
    float f = output_factor(call, call->args->normalize ? dot(q, s->s.z, call->d_f) : 0.0f, s->p.exponent, s->tokens.exponents[u]);
    if (call->args->normalize) h = -f * dot(q, gradient, call->d_f);
    left[u] = s->unit;
    if (stream_scales_queries(s)) {
      scale_floats(q, call->d_fp, f);
      f = 1.0f;
    } else {
      left[u] *= f;
    }
    v4 of_z = v4_splat(h), of_r = v4_splat(h * left[u]), of_all = v4_splat(f);
    for (size_t i = 0; i < call->d_f; i += 4) {
      v4_store(gradient + i, v4_mul(of_all, v4_madd(of_z, v4_load(s->s.z + i), v4_load(gradient + i))));
      v4_store(r + i, v4_madd(of_r, v4_load(q + i), v4_load(r + i)));
    }
  }
  if (s->wants_maps_q) stream_query_gradient(s, head, t, tokens);
  for (size_t u = 0; u < tokens; u++) scale_floats(queries + u * next, call->d_fp, left[u]);
  running_add(&s->r, queries, next, s->out, s->out_row, tokens, 1.0f);
  if (call->args->normalize) running_add_sum(&s->r, r);
}

static void key_block(gradient_stream *s, size_t t, size_t tokens) {
  const linear_call *call = s->call;
  size_t next = token_floats(call), row = s->s.row, width = s->s.width;
  if (s->wants_values) {
    block_product(s->d_values, width, tokens, call->d_v, (block_outside){stream_row(s, 0), next, call->d_f, s->r.plain, s->r.plain_row}, (block_inside){0}, BLOCK_SET);
    stream_value_gradient(s, s->d_values, t, tokens);
  }
  if (!s->wants_maps_k) return;
  stream_values(s, t, tokens);
  block_product(s->d_features, row, tokens, call->d_f, (block_outside){s->values, s->values_row, call->d_v, s->r.t, row}, (block_inside){0}, BLOCK_SET);
  for (size_t u = 0; call->args->normalize && u < tokens; u++) add_to(s->d_features + u * row, s->r.z, call->d_fp);
  stream_key_gradient(s, t, tokens);
}

void full_gradient(gradient_stream *s) {
  const linear_call *call = s->call;
  size_t keys = keys_in(call->args->key_lengths, s->b, call->n_k), queries = tokens_of(call, s->b), tokens;
  s->block = BLOCK;
  stream_start(s);
  float exponent = s->p.exponent;
  for (size_t t = 0; t < keys; t += tokens) {
    tokens = smaller(stream_keys(s, t), keys - t);
    stream_values(s, t, tokens);
    stream_write(s, tokens);
  }
  stream_turn(s);
  for (size_t g = 0; g < call->group; g++)
    for (size_t t = 0; t < queries; t += tokens) {
      tokens = smaller(BLOCK, queries - t);
      show_life(s->slot);
      query_block(s, s->state_head * call->group + g, t, tokens);
    }
  if (s->wants_values) running_transpose(&s->r);
  for (size_t t = 0; t < stream_length(s) && (s->wants_values || s->wants_maps_k); t += tokens) {
    tokens = stream_keys_again(s, t);
    key_block(s, t, tokens);
  }
  if (exponent == -INFINITY) exponent = s->p.exponent;
  else for (size_t i = 0; i < call->d_fp; i++) s->sum[i] = exponent - s->p.exponent;
  if (exponent != s->p.exponent) running_move(&s->r, s->sum);
  stream_end(s, exponent == -INFINITY ? 0.0f : exponent);
}
