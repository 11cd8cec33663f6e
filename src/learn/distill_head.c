/* With n = Σ φ(q)·φ(k) v and c = Σ φ(q)·φ(k) + eps over the keys seen, L = n/c. Of a loss w‖L − S‖² the gradients are
 * dn = 2w(L − S)/c and dc = −dn·L, and those of features follow as in stream.h: dφ(q) = S dn + z dc, dφ(k) = R v + r. */
#include "learn/distill_head.h"

#include <float.h>
#include <math.h>

#include "base/arguments.h"
#include "base/exp.h"
#include "base/outer.h"
#include "base/scratch.h"
#include "base/span.h"
#include "learn/map_gradient.h"
#include "threads/parallel.h"

uint64_t distill_layout(const distill_call *call, distill_head *h, float *base) {
  uint64_t keys = round_up(call->n_k, BLOCK), queries = call->group * round_up(call->n_q, BLOCK), row = call->row, width = call->width;
  uint64_t transposed = (uint64_t)call->columns * weights_row(&call->args->map);
  float *of_s = NULL, *of_r = NULL;
  float **arrays[] = {&of_s, &of_r, &h->keys, &h->queries, &h->d_out, &h->h, &h->scores, &h->exponents, &h->row_exponents, &h->values,
                      &h->value_panels, &h->key_panels, &h->q_k, &h->out, &h->wanted, &h->d_features, &h->sum, &h->y, &h->query_transposed, &h->key_transposed};
  uint64_t sizes[] = {running_layout(&h->s, call->d_f, call->d_v, 1, NULL),
                      running_layout(&h->r, call->d_f, call->d_v, 0, NULL),
                      keys * row, queries * row, queries * width, queries, call->args->causal ? queries * SCORE_ROW : 0, keys / BLOCK, keys + BLOCK, BLOCK * width,
                      BLOCK * (uint64_t)call->d_v, BLOCK * (uint64_t)call->d_f, BLOCK * SCORE_ROW, BLOCK * width, BLOCK * width, BLOCK * row, row, GRADIENT_ROWS * y_stride(call->columns), transposed, transposed};
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  if (!base) return floats;
  running_layout(&h->s, call->d_f, call->d_v, 1, of_s);
  running_layout(&h->r, call->d_f, call->d_v, 0, of_r);
  return floats;
}

/* What a block's tokens do with one another: token t takes scores[t][s]·y_s of those before it and itself, or where `after`
 * scores[s][t]·y_s of those after. Scores past the diagonal are 0 within fours of tokens, and past those nothing is read. */
typedef struct {
  const float *scores;
  int after;
  const float *y;
  size_t y_stride;
} causal_part;

/* Rows x·m and `part` (without scores: none), into rows of out or added to them. Unlike block_product it lets through what is not finite of
 * tokens that others must not see: here a loss that is no number ends all. */
static void product(float *out, size_t out_stride, size_t tokens, size_t columns, block_outside outside, causal_part part, int add) {
  size_t rows = round_up(tokens, 4);
  for (size_t t = 0; t < rows; t += 4) {
    for (size_t c = 0; c < columns; c += 8) {
      float *to = out + t * out_stride + c;
      tile4x8 sum = add ? tile_load(to, out_stride) : tile_zero();
      if (outside.x) sum = tile_outer(sum, outside.inner, outside.x + t * outside.x_stride, outside.x_stride, 1, outside.m + c, outside.row);
      if (part.scores && part.after) sum = tile_outer(sum, rows - t, part.scores + t * SCORE_ROW + t, 1, SCORE_ROW, part.y + t * part.y_stride + c, part.y_stride);
      else if (part.scores) sum = tile_outer(sum, t + 4, part.scores + t * SCORE_ROW, SCORE_ROW, 1, part.y + c, part.y_stride);
      tile_store(to, out_stride, sum);
    }
  }
}

/* Adds to a row's scores up to the diagonal, and clears those past it in its four; returns the sum. */
static float finish_scores(float *scores, size_t u, float added) {
  v4 sum = v4_splat(0.0f), more = v4_splat(added);
  size_t j = 0;
  for (; j + 4 <= u + 1; j += 4) {
    v4 x = v4_add(v4_load(scores + j), more);
    v4_store(scores + j, x);
    sum = v4_add(sum, x);
  }
  float total = v4_sum(sum);
  for (; j <= u; j++) total += scores[j] += added;
  for (; j % 4 != 0; j++) scores[j] = 0.0f;
  return total;
}

/* S ← S + Σ xᵀv. Plain sums: what drifts in them after very many tokens is nothing to a step of learning. */
static void add_products(running *r, const float *features, size_t row, const float *values, size_t width, size_t tokens) {
  for (size_t c = 0; c < r->d_v; c += 4)
    for (size_t i = 0; i < r->d_f; i += 8) {
      float *t = r->t + c * r->row + i;
      tile_store(t, r->row, tile_outer(tile_load(t, r->row), tokens, values + c, 1, width, features + i, row));
    }
}

static size_t query_row(const distill_head *h, size_t g, size_t t) { return g * round_up(h->call->n_q, BLOCK) + t; }

static void apply_map(const distill_head *h, int as_key, size_t head, size_t t, size_t rows, float *out, float *exponents) {
  const distill_call *call = h->call;
  la_array x = as_key ? call->args->k : call->args->q;
  call->map->apply(&call->args->map, (map_rows){array_at(x, 0, head, t), out, rows, x.row, call->row, as_key ? h->key_weights : h->query_weights, t, as_key, exponents});
}

static void apply_gradient(const distill_head *h, int as_key, size_t head, size_t t, size_t rows, const float *features) {
  const distill_call *call = h->call;
  la_array x = as_key ? call->args->k : call->args->q;
  map_gradient m = {.map = &call->args->map,
                    .x = array_at(x, 0, head, t),
                    .features = features,
                    .gradient = h->d_features,
                    .rows = rows,
                    .x_stride = x.row,
                    .features_stride = call->row,
                    .gradient_stride = call->row,
                    .position = t,
                    .transposed = as_key ? h->key_transposed : h->query_transposed,
                    .y = h->y};
  point_at_sums(&m, &h->sums, as_key, as_key ? h->key_weights : h->query_weights);
  apply_map_gradient(&m);
}

static void move(const distill_head *h, running *r, float due) {
  if (due == 0.0f) return;
  for (size_t i = 0; i < h->call->row; i++) h->sum[i] = due;
  running_move(r, h->sum);
}

/* Features of rows, of which row r had the exponent exponents[r], relative to another. */
static void bring(const distill_head *h, float *features, const float *exponents, size_t rows, float to) {
  for (size_t r = 0; r < rows; r++) scale_floats(features + r * h->call->row, round_up(h->call->d_f, 4), exp_of(exponents[r] - to));
}

/* φ of a block of keys. The exponent of S grows with the largest key's, as in softmax with a running maximum. */
static void take_keys(distill_head *h, size_t t, size_t tokens) {
  float *keys = h->keys + t * h->call->row, before = t > 0 ? h->exponents[t / BLOCK - 1] : -INFINITY, now = 0.0f;
  apply_map(h, 1, h->k_head, t, tokens, keys, h->row_exponents);
  if (h->call->map->scaled) {
    now = larger_float(before, span_max(h->row_exponents, tokens, 1.0f));
    bring(h, keys, h->row_exponents, tokens, now);
    if (before != -INFINITY) move(h, &h->s, before - now);
  }
  h->exponents[t / BLOCK] = now;
}

/* φ of all keys, relative to the largest exponent of all: every query sees them all. */
static void take_all_keys(distill_head *h) {
  const distill_call *call = h->call;
  apply_map(h, 1, h->k_head, 0, call->n_k, h->keys, h->row_exponents);
  float all = call->map->scaled ? span_max(h->row_exponents, call->n_k, 1.0f) : 0.0f;
  if (call->map->scaled) bring(h, h->keys, h->row_exponents, call->n_k, all);
  for (size_t t = 0; t < call->n_k; t += BLOCK) h->exponents[t / BLOCK] = all;
}

static void take_values(const distill_head *h, size_t t, size_t tokens) {
  la_array v = h->call->args->v;
  copy_rows(h->values, h->call->width, array_at(v, 0, h->k_head, t), v.row, tokens, h->call->d_v);
}

static void add_keys(distill_head *h, size_t t, size_t tokens) {
  const distill_call *call = h->call;
  const float *keys = h->keys + t * call->row;
  add_products(&h->s, keys, call->row, h->values, call->width, tokens);
  zero_floats(h->sum, call->row);
  for (size_t u = 0; u < tokens; u++) add_to(h->sum, keys + u * call->row, call->d_f);
  running_add_sum(&h->s, h->sum);
}

/* A row's result and what the loss makes of it: from the sums of values `out`, and c, dn; dc is returned. A row of exp whose keys are
 * all below exp(−87) of the largest in their block has sums of nothing, and 0 for its result. */
static float answer(const distill_head *h, float *d_out, const float *out, const float *target, float c, double *squares) {
  float factor = c < FLT_MIN && c > -FLT_MIN ? 0.0f : 1.0f / c;
  v4 weight = v4_splat(2.0f * factor * h->call->args->weights[h->k_head]), square = v4_splat(0.0f), d_sum = square;
  for (size_t i = 0; i < h->call->d_v; i += 4) {
    v4 result = v4_mul(v4_splat(factor), v4_load(out + i)), difference = v4_sub(result, v4_load(target + i)), d = v4_mul(weight, difference);
    square = v4_madd(difference, difference, square);
    d_sum = v4_madd(d, result, d_sum);
    v4_store(d_out + i, d);
  }
  *squares += (double)v4_sum(square);
  return -v4_sum(d_sum);
}

/* A block of queries of one head; where causal, beside the keys of the block, which S does not have yet. */
static double query_block(distill_head *h, size_t g, size_t t, size_t tokens) {
  const distill_call *call = h->call;
  const la_distill_args *a = call->args;
  size_t row = call->row, width = call->width, at = query_row(h, g, t), head = h->k_head * call->group + g;
  float *queries = h->queries + at * row, *d_out = h->d_out + at * width, *d_sum = h->h + at, exponent = h->exponents[a->causal ? t / BLOCK : 0];
  float *exponents = h->row_exponents + round_up(call->n_k, BLOCK), *scores = a->causal ? h->scores + at * SCORE_ROW : NULL;
  float sums[BLOCK];
  double squares = 0.0;
  apply_map(h, 0, head, t, tokens, queries, exponents);
  copy_rows(h->wanted, width, array_at(a->target, 0, head, t), a->target.row, tokens, call->d_v);
  if (a->causal) block_scores(h->q_k, queries, row, h->key_panels, call->d_f, tokens);
  for (size_t u = 0; u < tokens; u++) sums[u] = dot(queries + u * row, h->s.z, call->d_f) + (a->causal ? finish_scores(h->q_k + u * SCORE_ROW, u, 0.0f) : 0.0f);
  product(h->out, width, tokens, call->d_v, (block_outside){queries, row, call->d_f, h->s.plain, h->s.plain_row}, (causal_part){a->causal ? h->q_k : NULL, 0, h->values, width}, 0);
  for (size_t u = 0; u < tokens; u++) {
    float c = sums[u] + a->eps * (call->map->scaled ? exp_of(-exponent - exponents[u]) : 1.0f);
    d_sum[u] = answer(h, d_out + u * width, h->out + u * width, h->wanted + u * width, c, &squares);
  }
  if (!call->learns) return squares;
  if (a->causal) {
    block_scores(scores, d_out, width, h->value_panels, call->d_v, tokens);
    for (size_t u = 0; u < tokens; u++) finish_scores(scores + u * SCORE_ROW, u, d_sum[u]);
  }
  product(h->d_features, row, tokens, call->d_f, (block_outside){d_out, width, call->d_v, h->s.t, h->s.row}, (causal_part){scores, 0, h->keys + t * row, row}, 0);
  for (size_t u = 0; u < tokens; u++)
    for (size_t i = 0; i < call->d_f; i += 4)
      v4_store(h->d_features + u * row + i, v4_madd(v4_splat(d_sum[u]), v4_load(h->s.z + i), v4_load(h->d_features + u * row + i)));
  apply_gradient(h, 0, head, t, tokens, queries);
  return squares;
}

/* What a block of queries adds to R and r. */
static void add_queries(distill_head *h, size_t g, size_t t, size_t tokens) {
  const distill_call *call = h->call;
  size_t row = call->row, at = query_row(h, g, t);
  const float *queries = h->queries + at * row, *d_sum = h->h + at;
  add_products(&h->r, queries, row, h->d_out + at * call->width, call->width, tokens);
  zero_floats(h->sum, row);
  for (size_t u = 0; u < tokens; u++)
    for (size_t i = 0; i < call->d_f; i += 4) v4_store(h->sum + i, v4_madd(v4_splat(d_sum[u]), v4_load(queries + u * row + i), v4_load(h->sum + i)));
  running_add_sum(&h->r, h->sum);
}

/* The gradient of a block of keys; where causal R has the queries after the block, which adds its own. */
static void key_block(distill_head *h, size_t t, size_t tokens) {
  const distill_call *call = h->call;
  size_t row = call->row;
  take_values(h, t, tokens);
  product(h->d_features, row, tokens, call->d_f, (block_outside){h->values, call->width, call->d_v, h->r.t, h->r.row}, (causal_part){0}, 0);
  for (size_t u = 0; u < tokens; u++) add_to(h->d_features + u * row, h->r.z, call->d_f);
  for (size_t g = 0; call->args->causal && g < call->group; g++) {
    size_t at = query_row(h, g, t);
    product(h->d_features, row, tokens, call->d_f, (block_outside){0}, (causal_part){h->scores + at * SCORE_ROW, 1, h->queries + at * row, row}, 1);
  }
  apply_gradient(h, 1, h->k_head, t, tokens, h->keys + t * row);
}

static double causal_step(distill_head *h) {
  const distill_call *call = h->call;
  double squares = 0.0;
  for (size_t t = 0; t < call->n_k; t += BLOCK) {
    size_t tokens = smaller(BLOCK, call->n_k - t);
    show_life(h->slot);
    take_keys(h, t, tokens);
    take_values(h, t, tokens);
    pack_panels(h->key_panels, h->keys + t * call->row, call->row, tokens, call->d_f, 8, 1.0f);
    pack_panels(h->value_panels, h->values, call->width, tokens, call->d_v, 8, 1.0f);
    running_transpose(&h->s);
    for (size_t g = 0; g < call->group; g++) squares += query_block(h, g, t, tokens);
    add_keys(h, t, tokens);
  }
  for (size_t t = call->learns ? round_up(call->n_k, BLOCK) : 0; t > 0;) {
    t -= BLOCK;
    size_t tokens = smaller(BLOCK, call->n_k - t);
    show_life(h->slot);
    key_block(h, t, tokens);
    for (size_t g = 0; g < call->group; g++) add_queries(h, g, t, tokens);
    if (call->map->scaled && t > 0) move(h, &h->r, h->exponents[t / BLOCK - 1] - h->exponents[t / BLOCK]);
  }
  return squares;
}

static double full_step(distill_head *h) {
  const distill_call *call = h->call;
  double squares = 0.0;
  take_all_keys(h);
  for (size_t t = 0; t < call->n_k; t += BLOCK) {
    size_t tokens = smaller(BLOCK, call->n_k - t);
    show_life(h->slot);
    take_values(h, t, tokens);
    add_keys(h, t, tokens);
  }
  running_transpose(&h->s);
  for (size_t g = 0; g < call->group; g++) {
    for (size_t t = 0; t < call->n_q; t += BLOCK) {
      size_t tokens = smaller(BLOCK, call->n_q - t);
      show_life(h->slot);
      squares += query_block(h, g, t, tokens);
      if (call->learns) add_queries(h, g, t, tokens);
    }
  }
  for (size_t t = 0; call->learns && t < call->n_k; t += BLOCK) {
    show_life(h->slot);
    key_block(h, t, smaller(BLOCK, call->n_k - t));
  }
  return squares;
}

double distill_head_step(distill_head *h) {
  const la_distill_args *a = h->call->args;
  transpose_weights(&a->map, 0, h->query_weights, h->query_transposed);
  transpose_weights(&a->map, 1, h->key_weights, h->key_transposed);
  running_clear(&h->s);
  running_clear(&h->r);
  return a->causal ? causal_step(h) : full_step(h);
}
