#include "learn/delta_gradient.h"

#include "base/outer.h"

static const float *recalling_rows(const gradient_stream *s) { return stream_row(s, 0) + recalled_row(s->call); }

/* scores[t][j] = (k_t as it recalls)·(k_j as it wrote), j ≤ t. */
static void score_keys(gradient_stream *s, float *scores, size_t tokens) {
  const linear_call *call = s->call;
  pack_panels(s->key_panels, stream_row(s, 0), token_floats(call), tokens, call->d_f, 8, 1.0f);
  block_scores(scores, recalling_rows(s), token_floats(call), s->key_panels, call->d_f, tokens);
}

/* out −= factor·x. */
static void subtract(float *out, const float *x, size_t n, float factor) {
  v4 f = v4_splat(factor);
  for (size_t c = 0; c < n; c += 4) v4_store(out + c, v4_nmadd(f, v4_load(x + c), v4_load(out + c)));
}

/* Sᵀk, as running_transpose has S, is multiplied by this twice: see recall_factor. */
static void scale_recalled(const gradient_stream *s, float *x, size_t n) {
  float recall = recall_factor(s->call, &s->p);
  if (recall == 1.0f) return;
  scale_floats(x, n, recall);
  scale_floats(x, n, recall);
}

/* u = β·(v − Sᵀk) of a token. */
static void write_value(gradient_stream *s, const float *recalled, size_t t) {
  float *u = s->values_copy + t * s->s.width;
  for (size_t c = 0; c < s->s.width; c++) u[c] = recalled[c] * s->tokens.beta[t];
}

static void use_writes(gradient_stream *s) {
  s->values = s->values_copy;
  s->values_row = s->s.width;
}

void delta_values(gradient_stream *s, float *recalled, size_t tokens) {
  const linear_call *call = s->call;
  size_t width = s->s.width;
  float *product = s->d_values;
  block_outside of_state = {recalling_rows(s), token_floats(call), call->d_f, s->s.plain, s->s.plain_row};
  block_product(product, width, tokens, call->d_v, of_state, (block_inside){0}, BLOCK_SET);
  score_keys(s, s->scores, tokens);
  for (size_t t = 0; t < tokens; t++) {
    float *sum = product + t * width, *w = recalled + t * width;
    for (size_t j = 0; j < t; j++) subtract(sum, s->values_copy + j * width, width, -s->scores[t * SCORE_ROW + j]);
    scale_recalled(s, sum, width);
    copy_rows(w, width, s->values + t * s->values_row, 0, 1, call->d_v);
    subtract(w, sum, width, 1.0f);
    write_value(s, w, t);
  }
  use_writes(s);
}

void delta_values_again(gradient_stream *s, const float *recalled, size_t tokens) {
  for (size_t t = 0; t < tokens; t++) write_value(s, recalled + t * s->s.width, t);
  use_writes(s);
}

/* du_t = Rᵀk_t − Σ_{j > t} β_j·du_j·(k_j·k_t); then β·du, and dβ = du·(v − Sᵀk). */
static void solve_backwards(gradient_stream *s, const float *recalled, float *d_beta, size_t tokens) {
  size_t width = s->s.width;
  score_keys(s, s->scores, tokens);
  float recall = recall_factor(s->call, &s->p);
  for (size_t t = tokens; t-- > 0;) {
    float *du = s->d_values + t * width;
    if (d_beta) d_beta[t] = dot(du, recalled + t * width, s->call->d_v);
    scale_floats(du, width, s->tokens.beta[t]);
    for (size_t j = 0; j < t; j++) subtract(s->d_values + j * width, du, width, s->scores[t * SCORE_ROW + j] * recall * recall);
  }
}

void delta_gradient(gradient_stream *s, const float *before, const float *recalled, float *d_beta, size_t tokens) {
  const linear_call *call = s->call;
  size_t next = token_floats(call), width = s->s.width, row = s->s.row;
  const float *k = stream_row(s, 0), *recalling = recalling_rows(s);
  solve_backwards(s, recalled, d_beta, tokens);
  /* What recalls is −β·du: its products with S, with u of earlier tokens, and back. */
  float *pull = s->out_copy, recall = recall_factor(call, &s->p);
  memcpy(pull, s->d_values, tokens * width * sizeof *pull);
  scale_floats(pull, tokens * width, recall);
  scale_floats(pull, tokens * width, recall);
  block_scores(s->scores, pull, width, s->value_panels, call->d_v, tokens);
  block_product(s->d_recalled, row, tokens, call->d_f, (block_outside){pull, width, call->d_v, before, row},
                (block_inside){s->scores, 0, 1, k, next}, BLOCK_SET);
  scale_floats(s->d_recalled, tokens * row, -1.0f);
  block_product(s->d_features, row, tokens, call->d_f, (block_outside){0}, (block_inside){s->scores, 1, 1, recalling, next}, BLOCK_SUBTRACT);
  running_add(&s->r, recalling, next, pull, width, tokens, -1.0f);
}
