/* Linear attention, one token: the state is updated where it lies, sixteen columns at a time. */
#include "linear/step.h"

#include "base/arguments.h"
#include "base/rows.h"
#include "base/scratch.h"
#include "linear/recurrence.h"
#include "linear/tokens.h"

enum { WIDE = 16 };

typedef struct {
  token_block token;
  panel_state state; /* one panel: the caller's own S, or a copy where value_dim is not in whole vectors */
  float *s, *v, *out; /* [d_fp][width], [width], [width] for copies */
  int copied;
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  w->state.width = round_up(call->d_v, 4);
  w->state.first = 0;
  w->state.panels = 1;
  w->copied = w->state.width != call->d_v;
  uint64_t copies = w->copied ? w->state.width : 0;
  float *own;
  uint64_t sizes[] = {token_block_layout(call, 1, NULL, NULL), call->d_fp, call->d_fp * copies, copies, copies};
  float **arrays[] = {&own, &w->state.z, &w->s, &w->v, &w->out};
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  if (base) token_block_layout(call, 1, &w->token, own);
  return floats;
}

/* One token on 4·vectors columns. */
static inline void step_linear(const linear_call *call, const token_block *w, recurrence r, const int vectors, const int gated) {
  (void)w;
  recur(r, call->stride, 1, vectors, gated, 1);
}

static inline void step_delta(const linear_call *call, const token_block *w, recurrence r, const int vectors, const int gated) {
  pending_write pending = nothing_pending(r.rows - token_floats(call));
  recur_delta(r, call->stride, &pending, w->beta[0], w->k_dot_q[0], vectors, gated);
  write_pending(r.s, r.s_stride, r.features, &pending, vectors);
}

/* A further query of the group: the token is written already. */
static inline void step_read(const linear_call *call, const token_block *w, recurrence r, const int vectors, const int gated) {
  (void)w;
  recur(r, call->stride, 1, vectors, gated, 0);
}

/* One function a rule and gate, as in causal.c. */
#define STEP_LOOP(name, rule, gated)                                                                                    \
  static __attribute__((noinline)) void name(const linear_call *call, const token_block *w, recurrence r, size_t columns) { \
    for (size_t width; columns > 0; columns -= width, r.s += width, r.v += width, r.out += width) {                     \
      width = columns >= WIDE ? WIDE : 4;                                                                               \
      if (width == WIDE) rule(call, w, r, WIDE / 4, gated);                                                             \
      else rule(call, w, r, 1, gated);                                                                                  \
    }                                                                                                                   \
  }

STEP_LOOP(token_linear, step_linear, 0)
STEP_LOOP(token_linear_gated, step_linear, 1)
STEP_LOOP(token_delta, step_delta, 0)
STEP_LOOP(token_delta_gated, step_delta, 1)
STEP_LOOP(token_read, step_read, 0)

typedef void step_loop(const linear_call *call, const token_block *w, recurrence r, size_t columns);
static step_loop *const step_loops[2][2] = {{token_linear, token_linear_gated}, {token_delta, token_delta_gated}};

static void run_token(const linear_call *call, scratch *w, size_t b, size_t kv_head, size_t q_head, step_loop *loop) {
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
                  .recall = recall_factor(call, &w->state),
                  .out = w->copied ? w->out : out};
  loop(call, &w->token, r, w->state.width);
  if (w->copied) memcpy(out, w->out, call->d_v * sizeof *out);
}

static void prepare_query(const linear_call *call, scratch *w, size_t b, size_t q_head) {
  float *q = token_rows(call, &w->token, 0) + call->stride;
  map_queries(call, (feature_rows){q, call->stride, w->token.exponents}, &w->state, b, q_head, 0, 1);
  float q_dot_z = call->args->normalize ? dot(q, w->state.z, call->d_f) : 0.0f;
  w->token.sums[0] = output_factor(call, q_dot_z, &w->state, w->token.exponents[0]);
}

int32_t linear_step(const linear_call *call) {
  scratch w;
  float *block = alloc_floats(scratch_layout(call, &w, NULL));
  if (!block) return LA_OUT_OF_MEMORY;
  scratch_layout(call, &w, block);
  for (size_t b = 0; b < call->batch; b++) {
    for (size_t h = 0; h < call->kv_heads; h++) {
      w.state.s = w.copied ? w.s : state_of(call, b, h);
      state_load(call, &w.state, b, h);
      settle_exponent(call, (feature_rows){token_rows(call, &w.token, 0), call->stride, w.token.exponents}, 1, &w.state, 0, b, h);
      prepare_tokens(call, &w.token, &w.state, b, h, h * call->group, 0, 1);
      run_token(call, &w, b, h, h * call->group, step_loops[call->delta][call->gated]);
      for (size_t g = 1; g < call->group; g++) {
        prepare_query(call, &w, b, h * call->group + g);
        run_token(call, &w, b, h, h * call->group + g, token_read);
      }
      state_store(call, &w.state, b, h);
    }
  }
  la_free(block);
  return LA_OK;
}
