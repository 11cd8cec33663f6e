/* Linear attention, one token: the state is updated where it lies, sixteen columns at a time. */
#include "recurrence.h"
#include "tokens.h"

enum { WIDE = 16 };

typedef struct {
  token_block token;
  panel_state state; /* one panel: the caller's own S, or a copy where value_dim is not in whole vectors */
  float *s, *v, *out; /* [d_fp][width], [width], [width] for copies */
  int copied;
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  w->state.width = round_up(call->d_v, 4);
  w->state.panels = 1;
  w->copied = w->state.width != call->d_v;
  uint64_t copies = w->copied ? w->state.width : 0;
  uint64_t sizes[] = {2 * token_floats(call), 1, 1, 1, 1, call->d_fp, call->d_fp * copies, copies, copies};
  float **parts[] = {&w->token.rows, &w->token.exponents, &w->token.sums, &w->token.k_dot_q, &w->token.beta, &w->state.z, &w->s, &w->v, &w->out};
  return carve(base, parts, sizes, sizeof sizes / sizeof *sizes);
}

/* One token on 4·vectors columns; update 0 only reads. */
static inline void run_columns(const linear_call *call, const token_block *w, recurrence r, const int vectors, const int update) {
  if (call->delta && update) {
    pending_write pending = nothing_pending(r.rows - token_floats(call));
    if (call->gated) recur_delta(r, call->stride, &pending, w->beta[0], w->k_dot_q[0], vectors, 1);
    else recur_delta(r, call->stride, &pending, w->beta[0], w->k_dot_q[0], vectors, 0);
    write_pending(r.s, r.s_stride, r.features, &pending, vectors);
  } else if (call->gated) {
    recur(r, call->stride, 1, vectors, 1, update);
  } else {
    recur(r, call->stride, 1, vectors, 0, update);
  }
}

static void run_token(const linear_call *call, scratch *w, size_t b, size_t kv_head, size_t q_head, const int update) {
  const la_linear_args *a = call->args;
  const float *v = array_at(a->v, b, kv_head, 0);
  float *out = array_at(a->out, b, q_head, 0);
  if (w->copied) copy_rows(w->v, w->state.width, v, 0, 1, call->d_v);
  recurrence r = {.s = w->state.s,
                  .s_stride = w->state.width,
                  .features = call->d_f,
                  .rows = token_rows(call, &w->token, 0),
                  .v = w->copied ? w->v : v,
                  .factors = w->token.sums,
                  .out = w->copied ? w->out : out};
  for (size_t c = 0, width; c < w->state.width; c += width) {
    width = w->state.width - c >= WIDE ? WIDE : 4;
    if (width == WIDE) run_columns(call, &w->token, r, WIDE / 4, update);
    else run_columns(call, &w->token, r, 1, update);
    r.s += width;
    r.v += width;
    r.out += width;
  }
  if (w->copied) memcpy(out, w->out, call->d_v * sizeof *out);
}

/* A further query of the group: the token is written already. */
static void prepare_query(const linear_call *call, scratch *w, size_t b, size_t q_head) {
  float *q = token_rows(call, &w->token, 0) + call->stride;
  map_queries(call, (feature_rows){q, call->stride, w->token.exponents}, b, q_head, 0, 1);
  float q_dot_z = call->args->normalize ? dot(q, w->state.z, call->d_f) : 0.0f;
  w->token.sums[0] = output_factor(call, q_dot_z, &w->state, w->token.exponents[0]);
}

int32_t linear_step(const linear_call *call) {
  scratch w;
  float *block = alloc_floats(scratch_layout(call, &w, NULL));
  if (!block) return LA_OUT_OF_MEMORY;
  zero_floats(block, (size_t)scratch_layout(call, &w, block));
  for (size_t b = 0; b < call->batch; b++) {
    for (size_t h = 0; h < call->kv_heads; h++) {
      w.state.s = w.copied ? w.s : state_of(call, b, h);
      state_load(call, &w.state, b, h);
      settle_exponent(call, (feature_rows){token_rows(call, &w.token, 0), call->stride, w.token.exponents}, 1, &w.state, b, h);
      prepare_tokens(call, &w.token, &w.state, b, h, h * call->group, 0, 1);
      run_token(call, &w, b, h, h * call->group, 1);
      for (size_t g = 1; g < call->group; g++) {
        prepare_query(call, &w, b, h * call->group + g);
        run_token(call, &w, b, h, h * call->group + g, 0);
      }
      state_store(call, &w.state, b, h);
    }
  }
  la_free(block);
  return LA_OK;
}
