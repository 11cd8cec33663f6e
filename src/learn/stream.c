#include "learn/stream.h"

#include "base/arguments.h"
#include "base/outer.h"
#include "base/scratch.h"
#include "learn/map_gradient.h"
#include "threads/parallel.h"

#define UNIT 0x1p-24f /* so that sums of a million rows near the largest float stay below it */

uint64_t stream_layout(const linear_call *call, gradient_stream *s, float *base) {
  size_t columns = map_columns(&call->args->map), width = round_up(call->d_v, 8), row = round_up(call->d_f, 8) + 8;
  int delta = call->delta;
  float *of_p = NULL, *of_tokens = NULL, *of_s = NULL, *of_r = NULL;
  float **arrays[] = {&of_p, &of_tokens, &of_s, &of_r, &s->values_copy, &s->out_copy, &s->value_panels, &s->key_panels, &s->scores, &s->more_scores, &s->d_features, &s->own,
                      &s->d_recalled, &s->d_values, &s->sum, &s->loaded, &s->y, &s->query_transposed, &s->key_transposed};
  uint64_t transposed = (uint64_t)columns * weights_row(&call->args->map);
  uint64_t sizes[] = {panels_layout(call, &s->p, 0, 0, 1, NULL),
                      token_block_layout(call, BLOCK, NULL, NULL),
                      running_layout(&s->s, call->d_f, call->d_v, delta, NULL),
                      running_layout(&s->r, call->d_f, call->d_v, 1, NULL),
                      BLOCK * (uint64_t)width, BLOCK * (uint64_t)width, BLOCK * (uint64_t)call->d_v, BLOCK * (uint64_t)call->d_f,
                      BLOCK * SCORE_ROW, BLOCK * SCORE_ROW, BLOCK * (uint64_t)row, BLOCK * (uint64_t)row,
                      delta ? BLOCK * (uint64_t)row : 0, BLOCK * (uint64_t)width, row, call->args->state ? (uint64_t)call->d_f * (call->d_v + 1) : 0, BLOCK * (uint64_t)y_stride(columns),
                      transposed, transposed};
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  if (!base) return floats;
  panels_layout(call, &s->p, 0, 0, 1, of_p);
  token_block_layout(call, BLOCK, &s->tokens, of_tokens);
  running_layout(&s->s, call->d_f, call->d_v, delta, of_s);
  running_layout(&s->r, call->d_f, call->d_v, 1, of_r);
  zero_floats(base, (size_t)floats); /* padding is read, and must be finite */
  return floats;
}

size_t stream_seen(const gradient_stream *s, size_t t, size_t tokens) {
  size_t keys = keys_in(s->call->args->key_lengths, s->b, s->call->n_k);
  return t < keys ? smaller(tokens, keys - t) : 0;
}

void stream_touch(const gradient_stream *s, size_t t, size_t tokens) {
  const linear_call *call = s->call;
  const la_linear_args *a = call->args;
  size_t head = s->state_head * call->group;
  row_span spans[] = {{token_at(call, a->k, s->b, k_head_of(call, s->state_head), t), a->k.row, call->d},
                      {token_at(call, a->v, s->b, v_head_of(call, s->state_head), t), a->v.row, call->d_v},
                      {token_at(call, a->q, s->b, q_head_of(call, head), t), a->q.row, call->d},
                      {token_at(call, s->args->out_gradient, s->b, head, t), s->args->out_gradient.row, call->d_v}};
  touch_rows(spans, sizeof spans / sizeof *spans, tokens);
}

int stream_scales_queries(const gradient_stream *s) { return s->call->map->scaled && s->call->args->map.epsilon == 0.0f; }

static float unit_of(const gradient_stream *s) {
  const linear_call *call = s->call;
  return stream_scales_queries(s) && call->args->normalize && !call->gated && !call->delta ? UNIT : 1.0f;
}

static void move_by(gradient_stream *s, const float *due) {
  for (size_t i = 0; i < s->call->d_f; i++) {
    if (due[i] == 0.0f) continue;
    running_move(&s->s, due);
    return;
  }
}

static size_t state_of(const gradient_stream *s) { return s->b * s->call->state_heads + s->state_head; }

/* The sums that the call's state holds, and their exponent. */
static float load_state(gradient_stream *s) {
  const linear_call *call = s->call;
  float *state = call->args->state, exponent = 0.0f, *z = s->loaded + call->d_f * call->d_v;
  running_clear(&s->s);
  if (!state) return -INFINITY;
  state += state_of(s) * la_state_floats((int32_t)call->d_f, (int32_t)call->d_v);
  la_state_read(&(la_state_args){.heads = 1, .features = (int32_t)call->d_f, .value_dim = (int32_t)call->d_v, .state = state, .s = s->loaded, .z = z, .exponents = call->map->scaled ? &exponent : NULL});
  running_read(&s->s, s->loaded, z, 1.0f);
  return exponent;
}

void stream_start(gradient_stream *s) {
  const linear_call *call = s->call;
  s->unit = unit_of(s);
  s->p.wide = call->args->decay.channel != 0;
  s->p.since = 0;
  zero_floats(s->p.fold, call->d_fp);
  zero_floats(s->p.powers, call->d_fp);
  zero_floats(s->p.z, 2 * call->d_fp);
  float exponent = load_state(s);
  s->p.exponent = call->map->scaled ? exponent : 0.0f;
  feature_rows keys = {stream_row(s, 0), token_floats(call), s->tokens.exponents};
  /* Sums of nothing take the exponent of their first key. Where none comes, queries still ask them, and get their gradient. */
  if (s->p.exponent == -INFINITY && keys_in(call->args->key_lengths, s->b, call->n_k) == 0) s->p.exponent = 0.0f;
  settle_exponent(call, keys, BLOCK, &s->p, s->slot, s->b, s->state_head); /* of sums of nothing, which it does not change */
}

size_t stream_keys_again(gradient_stream *s, size_t t) {
  int must_settle;
  show_life(s->slot);
  size_t tokens = take_tokens(s->call, &s->tokens, &s->p, s->b, s->state_head, t, smaller(s->block, stream_length(s) - t), 0, &must_settle);
  finish_keys(s->call, &s->tokens, &s->p, s->b, s->state_head, t, tokens);
  return tokens;
}

size_t stream_keys(gradient_stream *s, size_t t) {
  size_t tokens = stream_keys_again(s, t);
  move_by(s, s->p.due);
  return tokens;
}

/* Rows of the caller's that products can read as they lie, else a copy of the first `count` with zeros after them. */
static const float *rows_or_copy(const gradient_stream *s, const float *x, size_t row, size_t count, size_t tokens, float *copy, size_t *out_row) {
  size_t width = s->s.width;
  *out_row = row;
  if (count == tokens && tokens % 4 == 0 && width == s->call->d_v) return x;
  *out_row = width;
  copy_rows(copy, width, x, row, count, s->call->d_v);
  zero_floats(copy + count * width, (tokens - count) * width);
  return copy;
}

void stream_values(gradient_stream *s, size_t t, size_t tokens) {
  const linear_call *call = s->call;
  const la_array v = call->args->v;
  const float *rows = token_at(call, v, s->b, v_head_of(call, s->state_head), t);
  s->values = rows_or_copy(s, rows, v.row, stream_seen(s, t, tokens), tokens, s->values_copy, &s->values_row);
}

void stream_queries(gradient_stream *s, size_t head, size_t t, size_t tokens) {
  const la_array out = s->args->out_gradient;
  finish_queries(s->call, &s->tokens, &s->p, s->b, head, t, tokens);
  s->out = rows_or_copy(s, token_at(s->call, out, s->b, head, t), out.row, tokens, tokens, s->out_copy, &s->out_row);
}

void stream_write(gradient_stream *s, size_t tokens) {
  const linear_call *call = s->call;
  running_add(&s->s, stream_row(s, 0), token_floats(call), s->values, s->values_row, tokens, 1.0f);
  if (!call->args->normalize) return;
  zero_floats(s->sum, s->s.row);
  for (size_t u = 0; u < tokens; u++) add_to(s->sum, stream_row(s, u), call->d_fp);
  running_add_sum(&s->s, s->sum);
}

void stream_turn(gradient_stream *s) {
  const linear_call *call = s->call;
  const la_linear_gradient_args *a = s->args;
  size_t state = state_of(s);
  float factor = s->p.exponent == -INFINITY ? 1.0f : exp_of(s->p.exponent);
  running_read(&s->r, a->state_gradient ? a->state_gradient + state * call->d_f * call->d_v : NULL, a->sum_gradient ? a->sum_gradient + state * call->d_f : NULL, factor * s->unit);
  for (size_t i = 0; i < call->d_fp; i++) s->p.due[i] = s->p.fold[s->p.wide ? i : 0];
  if (call->gated) running_move(&s->r, s->p.due);
}

void stream_end(gradient_stream *s, float exponent) {
  const linear_call *call = s->call;
  const la_linear_gradient_args *a = s->args;
  size_t state = state_of(s);
  running_write(&s->r, a->d_state ? a->d_state + state * call->d_f * call->d_v : NULL, a->d_sum ? a->d_sum + state * call->d_f : NULL, exp_of(-exponent) / s->unit);
}

/* Features as the map gave them, and their gradients, of rows that decay was put into: k·exp(−c) or q·exp(c). */
static void unfold(gradient_stream *s, float *features, const float *recalled, size_t tokens, int is_key) {
  const linear_call *call = s->call;
  size_t next = token_floats(call), width = s->p.wide ? call->d_fp : 1;
  for (size_t u = 0; u < tokens; u++) {
    float *x = features + u * next, *gradient = s->d_features + u * s->s.row;
    const float *fold = s->tokens.fold + u * width;
    for (size_t i = 0; i < call->d_f; i++) {
      float c = fold[s->p.wide ? i : 0], inverse = 1.0f / c;
      x[i] *= is_key ? c : inverse;
      gradient[i] *= is_key ? inverse : c;
      if (recalled) gradient[i] += recalled[u * s->s.row + i] * c;
    }
  }
}

static map_gradient gradient_of(const gradient_stream *s, float *features, size_t tokens) {
  return (map_gradient){.map = &s->call->args->map,
                        .features = features,
                        .gradient = s->d_features,
                        .rows = tokens,
                        .features_stride = token_floats(s->call),
                        .gradient_stride = s->s.row,
                        .floor = map_key_floor(&s->call->args->map),
                        .y = s->y};
}

/* Whether no head of `heads` before this one uses the same of n heads. */
static int is_first_of(size_t head, size_t heads, int32_t n) { return head == 0 || head_of(head, heads, n) != head_of(head - 1, heads, n); }

/* Rows of keys that do not count have gradients of 0. */
static void zero_unseen(const gradient_stream *s, la_array dx, size_t head, int is_first, size_t t, size_t rows, size_t width) {
  for (size_t r = 0; dx.data && is_first && r < rows; r++) zero_floats(token_at(s->call, dx, s->b, head, t + r), width);
}

/* Of rows of x of a head, from token t on, by the weights of that number. */
static void add_map_gradient(gradient_stream *s, map_gradient m, int as_key, size_t head, size_t weights, size_t t) {
  const la_linear_args *a = s->call->args;
  la_array x = as_key ? a->k : a->q, dx = as_key ? s->args->dk : s->args->dq;
  float *transposed = as_key ? s->key_transposed : s->query_transposed;
  size_t *number = as_key ? &s->key_weights : &s->query_weights;
  if (s->call->map->columns && *number != weights) transpose_weights(&a->map, as_key, weights, transposed);
  *number = weights;
  m.transposed = transposed;
  m.x = token_at(s->call, x, s->b, head, t);
  m.x_stride = x.row;
  m.position = position_of(s->call, s->b) + t;
  m.dx = dx.data ? token_at(s->call, dx, s->b, head, t) : NULL;
  m.dx_stride = dx.row;
  point_at_sums(&m, &s->sums, as_key, weights);
  apply_map_gradient(&m);
}

void stream_query_gradient(gradient_stream *s, size_t head, size_t t, size_t tokens) {
  const linear_call *call = s->call;
  const la_linear_args *a = call->args;
  float *q = stream_row(s, 0) + call->stride;
  if (call->gated) unfold(s, q, NULL, tokens, 0);
  map_gradient m = gradient_of(s, q, tokens);
  m.is_first = is_first_of(head, call->heads, a->q_heads);
  add_map_gradient(s, m, 0, q_head_of(call, head), weights_of_head(head, call->heads, a->map.query_heads), t);
}

void stream_key_gradient(gradient_stream *s, size_t t, size_t tokens) {
  const linear_call *call = s->call;
  const la_linear_args *a = call->args;
  size_t seen = stream_seen(s, t, tokens), k_head = k_head_of(call, s->state_head);
  if (call->gated) unfold(s, stream_row(s, 0), call->delta ? s->d_recalled : NULL, seen, 1);
  else for (size_t u = 0; call->delta && u < seen; u++) add_to(s->d_features + u * s->s.row, s->d_recalled + u * s->s.row, call->d_f);
  for (size_t u = 0; s->unit != 1.0f && u < seen; u++) scale_floats(stream_row(s, u), call->d_fp, 1.0f / s->unit);
  map_gradient m = gradient_of(s, stream_row(s, 0), seen);
  m.is_first = is_first_of(s->state_head, call->state_heads, a->k_heads);
  zero_unseen(s, s->args->dk, k_head, m.is_first, t + seen, tokens - seen, call->d);
  add_map_gradient(s, m, 1, k_head, weights_of_head(k_head, (size_t)a->k_heads, a->map.key_heads), t);
}

void stream_value_gradient(gradient_stream *s, float *d_values, size_t t, size_t tokens) {
  const linear_call *call = s->call;
  const la_array dv = s->args->dv;
  size_t v_head = v_head_of(call, s->state_head), seen = stream_seen(s, t, tokens);
  int is_first = is_first_of(s->state_head, call->state_heads, call->args->v_heads);
  for (size_t u = 0; dv.data && u < seen; u++) {
    float *out = token_at(call, dv, s->b, v_head, t + u);
    if (s->unit != 1.0f) scale_floats(d_values + u * s->s.width, s->s.width, 1.0f / s->unit);
    if (is_first) memcpy(out, d_values + u * s->s.width, call->d_v * sizeof *out);
    else add_to(out, d_values + u * s->s.width, call->d_v);
  }
  zero_unseen(s, dv, v_head, is_first, t + seen, tokens - seen, call->d_v);
}
