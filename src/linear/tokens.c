/* Features, decay and normaliser of a block of tokens. */
#include "linear/tokens.h"

#include "base/arguments.h"
#include "base/exp.h"
#include "base/rows.h"
#include "base/scratch.h"

uint64_t token_block_layout(const linear_call *call, size_t block, token_block *w, float *base) {
  uint64_t sizes[] = {(block + 1) * (uint64_t)token_floats(call), block, block, block, block};
  token_block unused;
  if (!w) w = &unused;
  float **arrays[] = {&w->rows, &w->exponents, &w->sums, &w->k_dot_q, &w->beta};
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  if (base) zero_floats(w->rows, call->d_fp);
  return floats;
}

/* a = exp(decay + lowered) for every feature of a token, from one decay or one a feature. */
static void decay_row(const linear_call *call, float *a, size_t b, size_t kv_head, size_t t, float lowered) {
  la_gate gate = call->args->decay;
  const float *g = gate_row(gate, b, kv_head, t);
  if (!gate.channel) {
    v4 keep = v4_exp(v4_splat(*g + lowered));
    for (size_t i = 0; i < call->d_fp; i += 4) v4_store(a + i, keep);
    return;
  }
  size_t i = 0;
  for (; i + 4 <= call->d_f; i += 4) v4_store(a + i, v4_exp(v4_add(v4_load(g + i), v4_splat(lowered))));
  if (i < call->d_f) v4_store(a + i, v4_exp(v4_add(v4_load_first(g + i, call->d_f - i), v4_splat(lowered))));
}

/* A token past the key lengths writes and decays nothing. */
static void skip_token(const linear_call *call, float *rows) {
  zero_floats(rows, call->d_fp);
  for (size_t i = 0; call->gated && i < call->d_fp; i += 4) v4_store(rows + 2 * call->stride + i, v4_splat(1.0f));
}

/* z ← a∘z + k and sums[u] = q_u·z, four tokens at a time: z is loaded once for all of them. */
static inline void run_key_sum(const float *rows, float *z, size_t d_fp, float *sums, const size_t stride, const size_t tokens, const int gated) {
  const size_t next = (size_t)(2 + gated) * stride;
  v4 sum[4];
  for (size_t u = 0; u < tokens; u++) sum[u] = v4_splat(0.0f);
  for (size_t i = 0; i < d_fp; i += 4, rows += 4) {
    v4 z_i = v4_load(z + i);
    for (size_t u = 0; u < tokens; u++) {
      if (gated) z_i = v4_mul(z_i, v4_load(rows + u * next + 2 * stride));
      z_i = v4_add(z_i, v4_load(rows + u * next));
      sum[u] = v4_madd(v4_load(rows + u * next + stride), z_i, sum[u]);
    }
    v4_store(z + i, z_i);
  }
  for (size_t u = 0; u < tokens; u++) sums[u] = v4_sum(sum[u]);
}

static inline void run_key_sums(const linear_call *call, const token_block *w, float *z, float *sums, size_t tokens, const size_t stride, const int gated) {
  size_t u = 0;
  for (; u + 4 <= tokens; u += 4) run_key_sum(token_rows(call, w, u), z, call->d_fp, sums + u, stride, 4, gated);
  for (; u < tokens; u++) run_key_sum(token_rows(call, w, u), z, call->d_fp, sums + u, stride, 1, gated);
}

void normalizers(const linear_call *call, const token_block *w, panel_state *p, float *sums, size_t tokens) {
  if (!call->args->normalize) zero_floats(sums, tokens);
  else if (call->gated) run_key_sums(call, w, p->z, sums, tokens, call->stride, 1);
  else if (call->stride == SHORT_STRIDE) run_key_sums(call, w, p->z, sums, tokens, SHORT_STRIDE, 0);
  else run_key_sums(call, w, p->z, sums, tokens, call->stride, 0);
}

size_t map_tokens(const linear_call *call, const token_block *w, panel_state *p, size_t b, size_t kv_head, size_t q_head, size_t t, size_t tokens) {
  size_t keys = keys_in(call->args->key_lengths, b, call->n_k), seen = t < keys ? smaller(tokens, keys - t) : 0;
  float *rows = token_rows(call, w, 0);
  size_t next = token_floats(call);
  size_t ready = map_keys(call, (feature_rows){rows, next, w->exponents}, p, b, kv_head, t, seen);
  if (ready < seen) seen = tokens = ready;
  for (size_t u = 0; call->args->write_gate.data && u < seen; u++)
    scale_floats(rows + u * next, call->d_fp, *gate_row(call->args->write_gate, b, kv_head, t + u));
  for (size_t u = seen; u < tokens; u++) skip_token(call, rows + u * next);
  for (size_t u = 0; call->gated && u < seen; u++) decay_row(call, rows + u * next + 2 * call->stride, b, kv_head, t + u, u == 0 ? p->lowered : 0.0f);
  map_queries(call, (feature_rows){rows + call->stride, next, w->exponents}, p, b, q_head, t, tokens);
  for (size_t u = 0; call->delta && u < tokens; u++) {
    w->k_dot_q[u] = dot(rows + u * next, rows + u * next + call->stride, call->d_f);
    w->beta[u] = u < seen ? *gate_row(call->args->beta, b, kv_head, t + u) : 0.0f;
  }
  return tokens;
}

void normalize_tokens(const linear_call *call, const token_block *w, panel_state *p, size_t tokens) {
  normalizers(call, w, p, w->sums, tokens);
  for (size_t u = 0; u < tokens; u++)
    w->sums[u] = output_factor(call, w->sums[u], p, w->exponents[u]);
}

size_t prepare_tokens(const linear_call *call, const token_block *w, panel_state *p, size_t b, size_t kv_head, size_t q_head, size_t t, size_t tokens) {
  size_t ready = map_tokens(call, w, p, b, kv_head, q_head, t, tokens);
  normalize_tokens(call, w, p, ready);
  return ready;
}
