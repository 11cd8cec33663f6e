#include "learn/delta_gradient.h"

#include "base/outer.h"

static const float *recalling_rows(const gradient_stream *s) { return stream_row(s, 0) + recalled_row(s->call); }

/* The factor's square may overflow where the product does not. */
static void scale_twice(float *x, size_t n, float factor) {
  for (int i = 0; factor != 1.0f && i < 2; i++) scale_floats(x, n, factor);
}

/* scores[t][j] = (k_t as it recalls)·(k_j as it wrote), j ≤ t, times what Sᵀk is multiplied by (see recall_factor); keys are in
 * key_panels. */
static void score_keys(gradient_stream *s, size_t tokens) {
  const linear_call *call = s->call;
  float recall = recall_factor(call, &s->p);
  block_scores(s->scores, recalling_rows(s), token_floats(call), s->key_panels, call->d_f, tokens);
  for (size_t i = 0; recall != 1.0f && i < tokens * SCORE_ROW; i++) s->scores[i] = s->scores[i] * recall * recall;
}

static inline tile4x8 tile_difference(tile4x8 a, tile4x8 b) {
  for (size_t r = 0; r < 4; r++)
    for (size_t h = 0; h < 2; h++) a.row[r][h] = v4_sub(a.row[r][h], b.row[r][h]);
  return a;
}

/* Fills `w` with v − Sᵀk and values_copy with u, four tokens at a time: what earlier fours wrote comes by the tile. */
static void solve_forwards(gradient_stream *s, const float *recalled_state, float *w, size_t tokens) {
  size_t width = s->s.width;
  const float *beta = s->tokens.beta;
  for (size_t c = 0; c < width; c += 8) {
    for (size_t t = 0; t < tokens; t += 4) {
      const float *scores = s->scores + t * SCORE_ROW;
      float *out = w + t * width + c;
      tile4x8 before = tile_outer(tile_load(recalled_state + t * width + c, width), t, scores, SCORE_ROW, 1, s->values_copy + c, width);
      tile4x8 x = tile_difference(tile_load(out, width), before), u = tile_zero();
      for (size_t r = 0; r < 4; r++) {
        for (size_t j = 0; j < r; j++)
          for (size_t h = 0; h < 2; h++) x.row[r][h] = v4_nmadd(v4_load_splat(scores + r * SCORE_ROW + t + j), u.row[j][h], x.row[r][h]);
        for (size_t h = 0; h < 2; h++) u.row[r][h] = v4_mul(v4_load_splat(beta + t + r), x.row[r][h]);
      }
      tile_store(out, width, x);
      tile_store(s->values_copy + t * width + c, width, u);
    }
  }
}

static void use_writes(gradient_stream *s) {
  s->values = s->values_copy;
  s->values_row = s->s.width;
}

/* Tokens of zeros after the last, up to whole fours. */
static void pad(gradient_stream *s, size_t tokens) {
  for (size_t t = tokens; t < round_up(tokens, 4); t++) {
    s->tokens.beta[t] = 0.0f;
    zero_floats(s->scores + t * SCORE_ROW, SCORE_ROW);
  }
}

void delta_values(gradient_stream *s, float *recalled, size_t tokens) {
  const linear_call *call = s->call;
  size_t width = s->s.width;
  float recall = recall_factor(call, &s->p), *of_state = s->d_values, *w = s->out_copy;
  block_product(of_state, width, tokens, call->d_v, (block_outside){recalling_rows(s), token_floats(call), call->d_f, s->s.plain, s->s.plain_row}, (block_inside){0}, BLOCK_SET);
  scale_twice(of_state, tokens * width, recall);
  pack_panels(s->key_panels, stream_row(s, 0), token_floats(call), tokens, call->d_f, 8, 1.0f);
  score_keys(s, tokens);
  pad(s, tokens);
  copy_rows(w, width, s->values, s->values_row, tokens, call->d_v);
  zero_floats(w + tokens * width, (round_up(tokens, 4) - tokens) * width);
  solve_forwards(s, of_state, w, tokens);
  memcpy(recalled, w, tokens * width * sizeof *w);
  use_writes(s);
}

void delta_values_again(gradient_stream *s, const float *recalled, size_t tokens) {
  size_t width = s->s.width;
  for (size_t t = 0; t < tokens; t++)
    for (size_t c = 0; c < width; c += 4) v4_store(s->values_copy + t * width + c, v4_mul(v4_load_splat(s->tokens.beta + t), v4_load(recalled + t * width + c)));
  use_writes(s);
}

/* d_values, Rᵀk without the block's own recalls, becomes du_t = Rᵀk_t − Σ_{j > t} (k_j·k_t)·β_j·du_j; out_copy takes β·du. */
static void solve_backwards(gradient_stream *s, size_t tokens) {
  size_t width = s->s.width, padded = round_up(tokens, 4);
  const float *beta = s->tokens.beta;
  zero_floats(s->d_values + tokens * width, (padded - tokens) * width);
  for (size_t c = 0; c < width; c += 8) {
    for (size_t end = padded; end > 0; end -= 4) {
      size_t t = end - 4;
      const float *scores = s->scores + t;
      float *du = s->d_values + t * width + c;
      tile4x8 after = tile_outer(tile_zero(), padded - end, scores + end * SCORE_ROW, 1, SCORE_ROW, s->out_copy + end * width + c, width);
      tile4x8 x = tile_difference(tile_load(du, width), after), pull = tile_zero();
      for (size_t r = 4; r-- > 0;) {
        for (size_t j = r + 1; j < 4; j++)
          for (size_t h = 0; h < 2; h++) x.row[r][h] = v4_nmadd(v4_load_splat(scores + (t + j) * SCORE_ROW + r), pull.row[j][h], x.row[r][h]);
        for (size_t h = 0; h < 2; h++) pull.row[r][h] = v4_mul(v4_load_splat(beta + t + r), x.row[r][h]);
      }
      tile_store(du, width, x);
      tile_store(s->out_copy + t * width + c, width, pull);
    }
  }
}

void delta_gradient(gradient_stream *s, const float *before, const float *recalled, float *d_beta, size_t tokens) {
  const linear_call *call = s->call;
  size_t next = token_floats(call), width = s->s.width, row = s->s.row;
  const float *k = stream_row(s, 0), *recalling = recalling_rows(s);
  float *pull = s->out_copy, recall = recall_factor(call, &s->p);
  score_keys(s, tokens);
  pad(s, tokens);
  solve_backwards(s, tokens);
  for (size_t t = 0; d_beta && t < tokens; t++) d_beta[t] = dot(s->d_values + t * width, recalled + t * width, call->d_v);
  memcpy(s->d_values, pull, tokens * width * sizeof *pull);
  scale_twice(pull, tokens * width, recall);
  /* What recalls is −β·du: its products with S, with u of earlier tokens, and back. */
  block_scores(s->scores, pull, width, s->value_panels, call->d_v, tokens);
  block_product(s->d_recalled, row, tokens, call->d_f, (block_outside){pull, width, call->d_v, before, row}, (block_inside){s->scores, 0, 1, k, next}, BLOCK_SET);
  scale_floats(s->d_recalled, tokens * row, -1.0f);
  block_product(s->d_features, row, tokens, call->d_f, (block_outside){0}, (block_inside){s->scores, 1, 1, recalling, next}, BLOCK_SUBTRACT);
  running_add(&s->r, recalling, next, pull, width, tokens, -1.0f);
}
