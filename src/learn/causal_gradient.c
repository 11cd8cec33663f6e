/* Gradients of causal linear attention; see stream.h for the formulas and causal_memory.h for what is kept. */
#include "learn/causal_gradient.h"

#include <math.h>

#include "base/outer.h"
#include "learn/decay_gradient.h"
#include "learn/delta_gradient.h"

enum { SHORT_BLOCK = 24 }; /* without decay and delta rule, where what a block's tokens do with one another weighs more: 32 take 2 % longer, 48 6 % */

static float *factors_of(const walk *w, size_t g, size_t t) { return w->m->factors + 2 * g * w->m->tokens + (t - w->first); }

/* f and h of a head's queries, and the gradient of their features. z runs along. */
static void query_block(const walk *w, size_t g, size_t t, size_t tokens) {
  gradient_stream *s = w->s;
  const linear_call *call = s->call;
  size_t next = token_floats(call), row = s->s.row;
  stream_queries(s, s->state_head * call->group + g, t, tokens);
  block_scores(s->scores, s->out, s->out_row, s->value_panels, call->d_v, tokens);
  block_product(s->d_features, row, tokens, call->d_f, (block_outside){s->out, s->out_row, call->d_v, s->s.t, row},
                (block_inside){s->scores, 0, 1, stream_row(s, 0), next}, BLOCK_SET);
  float *f = factors_of(w, g, t), *h = f + w->m->tokens, *z = s->sum;
  memcpy(z, s->s.z, row * sizeof *z);
  for (size_t u = 0; u < tokens; u++) {
    float *k = stream_row(s, u), *q = k + call->stride;
    float *gradient = s->d_features + u * row, own = s->scores[u * SCORE_ROW + u], q_k = dot(q, k, call->d_f), q_z = 0.0f;
    if (call->args->normalize) q_z = dot(q, z, call->d_f) + q_k;
    f[u] = output_factor(call, q_z, s->p.exponent, s->tokens.exponents[u]);
    h[u] = call->args->normalize ? -f[u] * (dot(q, gradient, call->d_f) + own * q_k) : 0.0f;
    float factor = stream_scales_queries(s) ? 1.0f : f[u];
    if (stream_scales_queries(s)) scale_floats(q, call->d_fp, f[u]);
    for (size_t i = 0; i < call->d_f; i += 4) v4_store(gradient + i, v4_mul(v4_splat(factor), v4_madd(v4_splat(h[u]), v4_load(z + i), v4_load(gradient + i))));
    if (call->gated) add_decay(w, t + u, q, gradient);
    v4 of_own = v4_splat(factor * (own + h[u]));
    for (size_t i = 0; i < call->d_f; i += 4) v4_store(gradient + i, v4_madd(of_own, v4_load(k + i), v4_load(gradient + i)));
    if (call->args->normalize) add_to(z, k, call->d_fp);
  }
  if (s->wants_maps_q && !w->answered) stream_query_gradient(s, s->state_head * call->group + g, t, tokens);
}

/* u of the block, into values, and in panels. */
static void take_values(const walk *w, size_t t, size_t tokens, int again) {
  gradient_stream *s = w->s;
  float *recalled = s->call->delta ? w->m->recalled + (t - w->first) * s->s.width : NULL;
  if (!recalled) {
    stream_values(s, t, tokens);
  } else if (again) {
    delta_values_again(s, recalled, tokens);
  } else {
    stream_values(s, t, tokens);
    running_transpose(&s->s);
    delta_values(s, recalled, tokens);
  }
}

/* A block forwards. With `answers` it has what the way back needs, and the gradients of queries. */
static size_t forward_block(const walk *w, size_t t, size_t block, int answers) {
  gradient_stream *s = w->s;
  const linear_call *call = s->call;
  float exponent = s->p.exponent;
  if (answers) stream_touch(s, t, smaller(s->block, stream_length(s) - t));
  size_t tokens = stream_keys(s, t);
  if (answers) {
    w->m->records[block] = (block_record){(uint32_t)t, (uint32_t)tokens, exponent, call->map->scaled ? s->p.due[0] : 0.0f};
    if (keeps_states(call)) {
      running_keep(&s->s, w->m->states + block * w->state_floats);
      memcpy(w->m->due + block * s->s.row, s->p.due, call->d_fp * sizeof(float));
    }
    if (call->gated) zero_floats(w->m->d_decay + (t - w->first) * decay_width(call), tokens * decay_width(call));
  }
  take_values(w, t, tokens, 0);
  if (answers) {
    pack_panels(s->value_panels, s->values, s->values_row, tokens, call->d_v, 8, 1.0f);
    for (size_t g = 0; g < call->group; g++) query_block(w, g, t, tokens);
  }
  stream_write(s, tokens);
  return tokens;
}

/* What a head's queries add to the gradients of the block's keys and values, and to R. */
static void add_queries(const walk *w, size_t g, size_t t, size_t tokens, int wants_values) {
  gradient_stream *s = w->s;
  const linear_call *call = s->call;
  size_t next = token_floats(call), row = s->s.row, width = s->s.width;
  const float *f = factors_of(w, g, t), *h = f + w->m->tokens;
  float *r = s->sum, *queries = stream_row(s, 0) + call->stride;
  stream_queries(s, s->state_head * call->group + g, t, tokens);
  zero_floats(r, row);
  for (size_t u = tokens; u-- > 0;) {
    float *q = queries + u * next, *gradient = s->d_features + u * row, *own = call->gated ? s->own + u * row : gradient;
    scale_floats(q, call->d_fp, f[u] * s->unit);
    for (size_t i = 0; call->args->normalize && i < call->d_f; i += 4) {
      v4 added = v4_mul(v4_splat(h[u]), v4_load(q + i)), before = v4_load(r + i);
      v4_store(gradient + i, v4_add(v4_load(gradient + i), before));
      v4_store(own + i, v4_add(v4_load(own + i), added));
      v4_store(r + i, v4_add(before, added));
    }
  }
  block_scores(s->scores, s->out, s->out_row, s->value_panels, call->d_v, tokens);
  block_product(s->d_features, row, tokens, call->d_f, (block_outside){0}, (block_inside){s->scores, 1, call->gated, queries, next}, BLOCK_ADD);
  for (size_t u = 0; call->gated && u < tokens; u++) {
    v4 own = v4_splat(s->scores[u * SCORE_ROW + u]);
    float *to = s->own + u * row, *q = queries + u * next;
    for (size_t i = 0; i < call->d_f; i += 4) v4_store(to + i, v4_madd(own, v4_load(q + i), v4_load(to + i)));
  }
  if (wants_values) {
    block_scores(s->more_scores, queries, next, s->key_panels, call->d_f, tokens);
    block_product(s->d_values, width, tokens, call->d_v, (block_outside){0}, (block_inside){s->more_scores, 1, 0, s->out, s->out_row}, BLOCK_ADD);
  }
  running_add(&s->r, queries, next, s->out, s->out_row, tokens, 1.0f);
  if (call->args->normalize) running_add_sum(&s->r, r);
}

/* A block backwards. */
static void backward_block(const walk *w, size_t block) {
  gradient_stream *s = w->s;
  const linear_call *call = s->call;
  const block_record *record = w->m->records + block;
  size_t t = record->start, tokens = record->count, row = s->s.row, width = s->s.width, next = token_floats(call);
  const float *before = keeps_states(call) ? w->m->states + block * w->state_floats : NULL;
  int wants_values = s->wants_values || call->delta;
  s->p.exponent = record->exponent;
  stream_touch(s, t, tokens);
  stream_keys_again(s, t);
  take_values(w, t, tokens, 1);
  pack_panels(s->value_panels, s->values, s->values_row, tokens, call->d_v, 8, 1.0f);
  block_product(s->d_features, row, tokens, call->d_f, (block_outside){s->values, s->values_row, call->d_v, s->r.t, row}, (block_inside){0}, BLOCK_SET);
  for (size_t u = 0; call->args->normalize && u < tokens; u++) add_to(s->d_features + u * row, s->r.z, call->d_fp);
  if (wants_values) {
    running_transpose(&s->r);
    block_product(s->d_values, width, tokens, call->d_v, (block_outside){stream_row(s, 0), next, call->d_f, s->r.plain, s->r.plain_row}, (block_inside){0}, BLOCK_SET);
    pack_panels(s->key_panels, stream_row(s, 0), next, tokens, call->d_f, 8, 1.0f);
  }
  if (call->gated) zero_floats(s->own, tokens * row);
  for (size_t g = 0; g < call->group; g++) add_queries(w, g, t, tokens, wants_values);
  if (call->delta) {
    float d_beta[BLOCK], *out = gate_gradient(s, s->args->d_beta, call->args->beta, 1, t);
    delta_gradient(s, before, w->m->recalled + (t - w->first) * width, d_beta, tokens);
    for (size_t u = 0; out && u < stream_seen(s, t, tokens); u++) {
      if (call->args->beta.row) out[u] = d_beta[u];
      else *out += d_beta[u];
    }
  }
  if (call->gated) {
    running_products(before, before + width * row, &s->r, w->m->to);
    if (s->args->d_decay) decay_gradient(w, t, tokens);
    memcpy(w->m->from, w->m->to, row * sizeof(float));
  }
  for (size_t u = 0; call->gated && u < tokens; u++) add_to(s->d_features + u * row, s->own + u * row, call->d_fp);
  if (s->wants_maps_k) stream_key_gradient(s, t, tokens);
  stream_value_gradient(s, s->d_values, t, tokens);
  if (keeps_states(call)) {
    running_move(&s->r, w->m->due + block * row);
  } else if (record->due != 0.0f) {
    for (size_t i = 0; i < call->d_fp; i++) s->sum[i] = record->due;
    running_move(&s->r, s->sum);
  }
}

/* From token t on, up to as many blocks as a segment has, counted in `blocks`; the token after. */
static size_t forward_segment(walk *w, size_t t, int answers, size_t *blocks) {
  size_t length = stream_length(w->s);
  w->first = t;
  for (*blocks = 0; t < length && *blocks < w->m->blocks; ++*blocks) t += forward_block(w, t, *blocks, answers);
  return t;
}

/* Back through the blocks of the segment that was just run forwards. */
static void backward_segment(walk *w, size_t blocks) {
  while (blocks-- > 0) backward_block(w, blocks);
}

/* R of a state that no token follows yet. */
static void turn(walk *w) {
  gradient_stream *s = w->s;
  stream_turn(s);
  if (s->call->gated) running_products(s->s.t, s->s.z, &s->r, w->m->from);
}

void causal_gradient(gradient_stream *s, causal_memory *m) {
  const linear_call *call = s->call;
  walk w = {s, m, 0, 0, running_floats(&s->s)};
  size_t count = 0, blocks = 0, t = 0, length = stream_length(s);
  s->block = keeps_states(call) ? BLOCK : SHORT_BLOCK;
  stream_start(s);
  float exponent = s->p.exponent;
  /* A segment that whole blocks take to the end is the last, and needs no second pass; shorter ones may not come that far. */
  for (int is_last = 0; !is_last; count++) {
    int may_be_last = length - t <= m->blocks * s->block;
    if (m->segments > 0) keep_start(&w, count, t, may_be_last);
    t = forward_segment(&w, t, may_be_last, &blocks);
    is_last = t == length; /* then it was one that may be */
  }
  turn(&w);
  backward_segment(&w, blocks);
  for (size_t n = count - 1; n-- > 0;) {
    forward_segment(&w, restore_start(&w, n), 1, &blocks);
    backward_segment(&w, blocks);
  }
  if (exponent == -INFINITY) exponent = s->p.exponent; /* that of the first key: sums of nothing have any */
  stream_end(s, exponent == -INFINITY ? 0.0f : exponent);
}
