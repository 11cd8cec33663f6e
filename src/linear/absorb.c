/* Without queries nothing reads S between the tokens of a block but the delta rule, which needs Sᵀk of all of them before
 * the first is written: with r_t = S₀ᵀk_t, u_t = β_t(v_t − r_t − Σ_{s<t} (k_s·k_t) u_s), solved from the first token on, and S
 * is S₀ + Σ k_t u_tᵀ. Both products run on the outer-product tile, many tokens at a time (Yang et al. 2024b, with the
 * triangle solved where it is needed instead of inverted). */
#include "linear/absorb.h"

#include "base/arguments.h"
#include "base/outer.h"
#include "base/scratch.h"
#include "linear/streams.h"
#include "linear/tokens.h"
#include "threads/parallel.h"

enum {
  BLOCK = 32,
  DELTA_BLOCK = 16, /* products of keys grow with the block */
  BLOCK_FLOATS = 65536, /* of rows of a block, or four of them where they are long */
};

typedef struct {
  size_t block; /* tokens prepared at once, a multiple of 4 */
  int copied;   /* values are not whole panels, their rows collide, or four tokens may be more than there are */
  panel_state state;
  token_block tokens;
  float *v;      /* [block][d_vp + COPY_PAD] when copies are needed */
  float *sum;    /* of the delta rule: [d_fp][STATE_PANEL], a panel of S, settled and lately */
  float *writes; /* [block][STATE_PANEL] */
  float *scores; /* [block][block]: key t as it is recalled times key s */
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  size_t fitting = BLOCK_FLOATS / token_floats(call) / 4 * 4, of_delta = call->delta ? 1 : 0;
  w->block = smaller(fitting < 4 ? 4 : smaller(fitting, call->delta ? DELTA_BLOCK : BLOCK), round_up(call->n_k, 4));
  w->copied = call->d_vp != call->d_v || call->delta || rows_collide(call->args->v.row);
  float *of_state, *of_tokens, **places[] = {&of_state, &of_tokens, &w->v, &w->sum, &w->writes, &w->scores};
  uint64_t sizes[] = {panels_layout(call, &w->state, 0, call->d_vp / STATE_PANEL, 0, NULL),
                      token_block_layout(call, w->block, NULL, NULL),
                      w->copied ? w->block * (call->d_vp + COPY_PAD) : 0,
                      of_delta * call->d_fp * STATE_PANEL,
                      of_delta * w->block * STATE_PANEL,
                      of_delta * w->block * w->block};
  uint64_t floats = carve(base, places, sizes, sizeof sizes / sizeof *sizes);
  if (!base) return floats;
  panels_layout(call, &w->state, 0, call->d_vp / STATE_PANEL, 0, of_state);
  token_block_layout(call, w->block, &w->tokens, of_tokens);
  return floats;
}

/* Adds keys times what they write, rows of STATE_PANEL values, to what came lately to panel n. */
static void add_writes(const linear_call *call, scratch *w, size_t n, size_t tokens, const float *writes, size_t stride) {
  const float *keys = token_rows(call, &w->tokens, 0);
  float *lately = w->state.s + w->state.lately + n * call->d_fp * STATE_PANEL;
  for (size_t i = 0; i < call->d_fp; i += 4, lately += 4 * STATE_PANEL) {
    tile4x8 sum = tile_outer(tile_zero(), tokens, keys + i, 1, token_floats(call), writes, stride);
    tile_store(lately, STATE_PANEL, tile_add(tile_load(lately, STATE_PANEL), sum));
  }
}

/* Products of keys, as they are recalled, with those before them, and a few more that mean nothing: two times four at once. */
static void score_keys(const linear_call *call, scratch *w, size_t tokens) {
  size_t next = token_floats(call);
  for (size_t t = 0; t < tokens; t += 2) {
    const float *recalled = token_rows(call, &w->tokens, t) + recalled_row(call);
    for (size_t s = 0; s <= t; s += 4) {
      const float *key = token_rows(call, &w->tokens, s);
      v4 x[2][4];
      for (int c = 0; c < 4; c++) x[0][c] = x[1][c] = v4_splat(0.0f);
      for (size_t i = 0; i < call->d_fp; i += 4) {
        v4 r0 = v4_load(recalled + i), r1 = v4_load(recalled + next + i);
        for (size_t c = 0; c < 4; c++) {
          v4 k = v4_load(key + c * next + i);
          x[0][c] = v4_madd(r0, k, x[0][c]);
          x[1][c] = v4_madd(r1, k, x[1][c]);
        }
      }
      for (size_t u = 0; u < 2; u++) v4_store(w->scores + (t + u) * w->block + s, v4_sums(x[u][0], x[u][1], x[u][2], x[u][3]));
    }
  }
}

/* What four tokens write, given what they recall of S and of the tokens before the first of them. */
static tile4x8 solve_four(tile4x8 r, const scratch *w, size_t t, float recall, const float *v, size_t stride) {
  v4 factor = v4_splat(recall);
  for (size_t u = 0; u < 4; u++) {
    v4 beta = v4_load_splat(w->tokens.beta + t + u);
    for (size_t h = 0; h < 2; h++) {
      for (size_t s = 0; s < u; s++) r.row[u][h] = v4_madd(v4_load_splat(w->scores + (t + u) * w->block + t + s), r.row[s][h], r.row[u][h]);
      r.row[u][h] = v4_mul(beta, v4_nmadd(v4_mul(r.row[u][h], factor), factor, v4_load(v + u * stride + 4 * h)));
    }
  }
  return r;
}

/* What the tokens of a block write to panel n by the delta rule: w->writes. */
static void recall_writes(const linear_call *call, scratch *w, size_t n, size_t tokens, const float *v, size_t stride) {
  const float *s = w->state.s + n * call->d_fp * STATE_PANEL, *lately = s + w->state.lately, *recalled = token_rows(call, &w->tokens, 0) + recalled_row(call);
  size_t next = token_floats(call);
  float recall = recall_factor(call, &w->state);
  for (size_t i = 0; i < call->d_fp * STATE_PANEL; i += 4) v4_store(w->sum + i, v4_add(v4_load(s + i), v4_load(lately + i)));
  for (size_t t = 0; t < tokens; t += 4) {
    tile4x8 r = tile_outer(tile_zero(), call->d_f, recalled + t * next, next, 1, w->sum, STATE_PANEL);
    r = tile_outer(r, t, w->scores + t * w->block, w->block, 1, w->writes, STATE_PANEL);
    tile_store(w->writes + t * STATE_PANEL, STATE_PANEL, solve_four(r, w, t, recall, v + t * stride, stride));
  }
}

/* Up to `tokens` tokens from t; returns how many it took. */
static size_t absorb_block(const linear_call *call, scratch *w, size_t b, size_t state_head, size_t t, size_t tokens) {
  const la_linear_args *a = call->args;
  panel_state *p = &w->state;
  int must_settle;
  const float *v = token_at(call, a->v, b, v_head_of(call, state_head), t);
  size_t stride = a->v.row;
  row_span spans[] = {{token_at(call, a->k, b, k_head_of(call, state_head), t), a->k.row, call->d}, {v, stride, call->d_v}};
  touch_rows(spans, sizeof spans / sizeof *spans, tokens);
  tokens = take_tokens(call, &w->tokens, p, b, state_head, t, tokens, SETTLE_EVERY, &must_settle);
  if (must_settle) panels_settle(call, p);
  p->since += tokens;
  finish_keys(call, &w->tokens, p, b, state_head, t, tokens);
  for (size_t u = 0; a->normalize && u < tokens; u++) add_to(p->z + call->d_fp, token_rows(call, &w->tokens, u), call->d_fp);
  if (w->copied) {
    stride = call->d_vp + COPY_PAD;
    copy_rows(w->v, stride, v, a->v.row, tokens, call->d_v);
    v = w->v;
  }
  if (call->delta) {
    /* Four at a time: those past the last write nothing. */
    size_t whole = round_up(tokens, 4);
    for (size_t u = tokens; u < whole; u++) zero_floats(token_rows(call, &w->tokens, u), token_floats(call));
    zero_floats(w->tokens.beta + tokens, whole - tokens);
    zero_floats(w->v + tokens * stride, (whole - tokens) * stride);
    score_keys(call, w, tokens);
  }
  for (size_t n = 0; n < p->panels; n++) {
    const float *values = v + n * STATE_PANEL;
    if (call->delta) recall_writes(call, w, n, tokens, values, stride);
    if (call->delta) add_writes(call, w, n, tokens, w->writes, STATE_PANEL);
    else add_writes(call, w, n, tokens, values, stride);
  }
  return tokens;
}

static void run_stream(const linear_work *work, size_t slot, size_t b, size_t state_head, size_t unused) {
  const linear_call *call = work->call;
  scratch w;
  (void)unused;
  scratch_layout(call, &w, work->scratch + slot * work->floats);
  panels_load(call, &w.state, b, state_head);
  settle_exponent(call, (feature_rows){token_rows(call, &w.tokens, 0), token_floats(call), w.tokens.exponents}, w.block, &w.state, slot, b, state_head);
  for (size_t t = 0, count = keys_in(call->args->key_lengths, b, call->n_k); t < count;) {
    show_life(slot);
    t += absorb_block(call, &w, b, state_head, t, smaller(w.block, count - t));
  }
  panels_store(call, &w.state, b, state_head);
  panels_store_sum(call, &w.state, b, state_head);
}

int32_t linear_absorb(const linear_call *call) {
  scratch w;
  linear_work work = {.call = call, .run = run_stream, .floats = scratch_layout(call, &w, NULL), .across = call->slots, .parts = 1};
  return linear_each_stream(&work);
}
