/* Features, decay and normaliser of a block of tokens. */
#include "linear/tokens.h"

#include "base/arguments.h"
#include "base/exp.h"
#include "base/scratch.h"
#include "linear/fold.h"

/* Floats of decay a token: one, or one a feature. */
static size_t fold_width(const linear_call *call, const panel_state *p) { return p->wide ? call->d_fp : 1; }

uint64_t token_block_layout(const linear_call *call, size_t block, token_block *w, float *base) {
  size_t even = round_up(block, 2);
  uint64_t sizes[] = {even * (uint64_t)token_floats(call), even, even, 2 * even, even, call->gated ? even * (uint64_t)call->d_fp : 0};
  token_block unused;
  if (!w) w = &unused;
  float **arrays[] = {&w->rows, &w->exponents, &w->sums, &w->scores, &w->beta, &w->fold};
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  w->block = block;
  return floats;
}

/* Keys that count, of `tokens` tokens from t. */
static size_t keys_seen(const linear_call *call, size_t b, size_t t, size_t tokens) {
  size_t keys = keys_in(call->args->key_lengths, b, call->n_k);
  return t < keys ? smaller(tokens, keys - t) : 0;
}

static feature_rows key_rows(const linear_call *call, const token_block *w) { return (feature_rows){token_rows(call, w, 0), token_floats(call), w->exponents}; }

/* The decay up to each token since S was settled, in w->fold; up to which token it stays in bounds. */
static size_t take_decay(const linear_call *call, const token_block *w, panel_state *p, size_t b, size_t state_head, size_t t, size_t tokens, int *settle) {
  size_t width = fold_width(call, p), seen = keys_seen(call, b, t, tokens);
  la_gate gate = call->args->decay;
  for (size_t u = 0; u < tokens; u++) {
    const float *before = u > 0 ? w->fold + (u - 1) * width : p->fold;
    float *after = w->fold + u * width;
    if (u >= seen) {
      memcpy(after, before, width * sizeof *after);
      if (u > 0 || !*settle) continue;
    } else if (fold_token(after, before, gate_row(call, gate, b, state_head, t + u), p->wide ? call->d_f : 0, gate.channel != 0) && (u > 0 || !*settle)) {
      continue;
    }
    if (u > 0) return u;
    for (size_t i = 0; i < call->d_fp; i++) p->due[i] += after[p->wide ? i : 0];
    zero_floats(after, width);
    *settle = 1;
  }
  return tokens;
}

size_t take_tokens(const linear_call *call, const token_block *w, panel_state *p, size_t b, size_t state_head, size_t t, size_t tokens, size_t every, int *settle) {
  size_t seen = keys_seen(call, b, t, tokens);
  zero_floats(p->due, call->d_fp);
  size_t ready = take_keys(call, key_rows(call, w), p, b, state_head, t, seen, settle);
  if (ready < seen) tokens = ready;
  if (p->since >= every) *settle = 1;
  if (call->gated) {
    size_t width = fold_width(call, p);
    tokens = take_decay(call, w, p, b, state_head, t, tokens, settle);
    memcpy(p->fold, w->fold + (tokens - 1) * width, width * sizeof *p->fold);
    zero_floats(w->fold + tokens * width, round_up(tokens * width, 4) - tokens * width); /* exp is taken of whole vectors */
  }
  return tokens;
}

/* k·exp(−c), and beside it what the delta rule recalls by, k·exp(c). */
static void fold_key(const linear_call *call, float *k, const float *factor, int wide) {
  v4 f = v4_load_splat(factor), inverse = v4_div(v4_splat(1.0f), f);
  for (size_t i = 0; i < call->d_fp; i += 4) {
    v4 x = v4_load(k + i);
    if (wide) {
      f = v4_load(factor + i);
      inverse = v4_div(v4_splat(1.0f), f);
    }
    if (call->rows == 3) v4_store(k + 2 * call->stride + i, v4_mul(x, f));
    v4_store(k + i, v4_mul(x, inverse));
  }
}

static void fold_query(const linear_call *call, float *q, const float *factor, int wide) {
  for (size_t i = 0; i < call->d_fp; i += 4) v4_store(q + i, v4_mul(v4_load(q + i), wide ? v4_load(factor + i) : v4_load_splat(factor)));
}

void finish_keys(const linear_call *call, const token_block *w, const panel_state *p, size_t b, size_t state_head, size_t t, size_t tokens) {
  const la_linear_args *a = call->args;
  size_t next = token_floats(call), seen = keys_seen(call, b, t, tokens), width = fold_width(call, p);
  float *rows = token_rows(call, w, 0);
  bring_keys(call, key_rows(call, w), p, seen);
  for (size_t u = 0; a->write_gate.data && u < seen; u++) scale_floats(rows + u * next, call->d_fp, *gate_row(call, a->write_gate, b, state_head, t + u));
  for (size_t u = seen; u < tokens; u++) zero_floats(rows + u * next, call->d_fp);
  if (tokens % 2 && w->block > 1) zero_floats(rows + tokens * next, next);
  for (size_t i = 0; call->gated && i < tokens * width; i += 4) v4_store(w->fold + i, v4_exp(v4_load(w->fold + i)));
  for (size_t u = 0; call->gated && u < tokens; u++) fold_key(call, rows + u * next, w->fold + u * width, p->wide);
  for (size_t u = 0; call->delta && u < round_up(tokens, 2); u++) w->beta[u] = u < seen ? *gate_row(call, a->beta, b, state_head, t + u) : 0.0f;
}

void finish_queries(const linear_call *call, const token_block *w, const panel_state *p, size_t b, size_t head, size_t t, size_t tokens) {
  size_t next = token_floats(call), width = fold_width(call, p);
  float *q = token_rows(call, w, 0) + call->stride;
  map_queries(call, (feature_rows){q, next, w->exponents}, p, b, head, t, tokens);
  for (size_t u = 0; call->gated && u < tokens; u++) fold_query(call, q + u * next, w->fold + u * width, p->wide);
}

/* Of two tokens: their scores, and sums of q·z before them, whose own keys are then added to z. */
LA_INLINE void two_products(const float *rows, size_t d_fp, float *z, float *scores, float *sums, const size_t stride, const size_t next, const int normalize, const int delta, const size_t recalled) {
  const float *k0 = rows, *k1 = rows + next, *q0 = rows + stride, *q1 = rows + next + stride, *r1 = k1 + recalled;
  v4 x[4], y[4];
  for (int c = 0; c < 4; c++) x[c] = y[c] = v4_splat(0.0f);
  for (size_t i = 0; i < d_fp; i += 4) {
    v4 q = v4_load(q0 + i), k = v4_load(k0 + i), q_next = v4_load(q1 + i), k_next = v4_load(k1 + i);
    x[0] = v4_madd(q, k, x[0]);
    x[1] = v4_madd(q_next, k, x[1]);
    x[2] = v4_madd(q_next, k_next, x[2]);
    if (delta) x[3] = v4_madd(v4_load(r1 + i), k, x[3]);
    if (normalize) {
      v4 lately = v4_load(z + d_fp + i), sum = v4_add(v4_load(z + i), lately);
      y[0] = v4_madd(q, sum, y[0]);
      y[1] = v4_madd(q_next, sum, y[1]);
      v4_store(z + d_fp + i, v4_add(lately, v4_add(k, k_next)));
    }
  }
  v4_store(scores, v4_sums(x[0], x[1], x[2], x[3]));
  if (!normalize) return;
  sums[0] = v4_sum(y[0]) + scores[0];
  sums[1] = v4_sum(y[1]) + (scores[1] + scores[2]);
}

void token_products(const linear_call *call, const token_block *w, panel_state *p, float *sums, size_t tokens) {
  size_t next = token_floats(call), d_fp = call->d_fp, recalled = recalled_row(call);
  for (size_t u = 0; u < tokens; u += 2) {
    const float *rows = token_rows(call, w, u);
    float *scores = w->scores + 2 * u;
    sums[u] = sums[u + 1] = 0.0f;
    if (call->stride != SHORT_STRIDE || call->delta) two_products(rows, d_fp, p->z, scores, sums + u, call->stride, next, call->args->normalize, 1, recalled);
    else if (call->args->normalize) two_products(rows, d_fp, p->z, scores, sums + u, SHORT_STRIDE, 2 * SHORT_STRIDE, 1, 0, 0);
    else two_products(rows, d_fp, p->z, scores, sums + u, SHORT_STRIDE, 2 * SHORT_STRIDE, 0, 0, 0);
  }
}
