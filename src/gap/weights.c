/* Attention weights as numbers, for pictures and for the measures of the gap. */
#include "gap/weights.h"

#include <math.h>

#include "base/arguments.h"
#include "base/exp.h"
#include "base/outer.h"
#include "base/scratch.h"
#include "base/span.h"

uint64_t weight_rows_layout(weight_rows *w, float *base) {
  w->width = w->kind == LA_WEIGHTS_LINEAR ? (size_t)map_find(&w->map)->features(&w->map) : w->d;
  w->stride = round_up(w->n_k, 8);
  uint64_t sizes[] = {(uint64_t)w->stride * w->width, 4 * w->width, 8 * (w->width + 1), 4 * (uint64_t)w->stride, w->stride};
  float **arrays[] = {&w->panels, &w->q, &w->x, &w->rows, &w->exponents};
  return carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
}

/* Panels of `width` rows from position t on: x times factor for softmax, φ(x) for linear. Exponents: [rows] or NULL. */
static inline void pack_rows(weight_rows *w, float *panels, const float *x, size_t stride, size_t t, size_t rows, const size_t width, float factor, float *exponents) {
  for (size_t r = 0; r < rows; r += width) {
    size_t count = smaller(width, rows - r);
    const float *source = x + r * stride;
    if (w->kind == LA_WEIGHTS_LINEAR) {
      map_rows m = {.x = source, .out = w->x, .rows = count, .x_stride = stride, .out_stride = w->width, .position = t + r,
                    .as_key = exponents != NULL, .exponents = exponents ? exponents + r : w->x + width * w->width};
      map_find(&w->map)->apply(&w->map, m);
      pack_panel(panels + r * w->width, w->x, w->width, count, w->width, width, 1.0f);
    } else {
      pack_panel(panels + r * w->width, source, stride, count, w->width, width, factor);
    }
  }
}

void weight_rows_keys(weight_rows *w, const float *k, size_t k_stride) {
  zero_floats(w->exponents, w->stride);
  pack_rows(w, w->panels, k, k_stride, 0, w->n_k, 8, 1.0f, w->exponents);
}

static void normalize_softmax(float *row, size_t seen) {
  float most = -INFINITY, total = 0.0f;
  for (size_t j = 0; j < seen; j++) most = row[j] > most ? row[j] : most;
  for (size_t j = seen; j < round_up(seen, 4); j++) row[j] = -INFINITY;
  for (size_t j = 0; j < seen; j += 4) {
    v4 p = v4_exp(v4_sub(v4_load(row + j), v4_splat(most)));
    v4_store(row + j, p);
    total += v4_sum(p);
  }
  for (size_t j = 0; j < seen; j++) row[j] /= total;
}

/* Scores times exp(exponent of the key), relative to the largest that counts: of the visible keys, or of all for epsilon,
 * which adds its share of every feature of the query (in a panel of four). Returns that largest one. */
static float scale_scores(const weight_rows *w, float *row, const float *q, size_t seen) {
  float floor = map_key_floor(&w->map), top = span_max(w->exponents, floor > 0.0f ? w->n_k : seen, 1.0f), total = 0.0f;
  for (size_t i = 0; floor > 0.0f && i < w->width; i++) total += q[4 * i];
  for (size_t j = 0; j < seen; j += 4) {
    v4 factor = v4_exp(v4_sub(v4_load(w->exponents + j), v4_splat(top)));
    v4_store(row + j, v4_madd(v4_load(row + j), factor, v4_splat(floor * total)));
  }
  return top;
}

/* As output_factor in linear/exponents.c: eps is relative to the plain scores, which are exp(exponent) times those of the row. */
static void normalize_linear(const weight_rows *w, float *row, size_t seen, float exponent) {
  float total = 0.0f, eps = w->eps == 0.0f ? 0.0f : w->eps / w->scale * exp_of(-exponent);
  if (w->scale == 0.0f) eps = INFINITY;
  for (size_t j = 0; j < seen; j++) total += row[j];
  for (size_t j = 0; j < seen; j++) row[j] = total + eps == 0.0f ? 0.0f : row[j] / (total + eps);
}

/* scores[r, j] = q[r]·k[j] for a panel of four queries and panels of eight keys; infinities become NaN. */
static void score_tiles(const float *q, const float *k, size_t count, size_t d, float *scores, size_t stride) {
  for (size_t j = 0; j < count; j += 8) tile_store_result(scores + j, stride, tile_outer_panels(tile_zero(), d, q, k + j * d), 4, 8);
}

void weight_rows_queries(weight_rows *w, const float *q, size_t q_stride, size_t t, size_t count) {
  pack_rows(w, w->q, q, q_stride, t, count, 4, w->scale, NULL);
  score_tiles(w->q, w->panels, w->n_k, w->width, w->rows, w->stride);
  int scaled = w->kind == LA_WEIGHTS_LINEAR && map_find(&w->map)->scaled;
  for (size_t u = 0; u < count; u++) {
    float *row = w->rows + u * w->stride;
    size_t seen = w->causal ? smaller(w->n_k, t + u + 1) : w->n_k;
    float exponent = scaled ? scale_scores(w, row, w->q + u, seen) : 0.0f;
    if (scaled && map_key_floor(&w->map) > 0.0f) exponent = 0.0f; /* the maxima are part of φ itself */
    else if (scaled) exponent += w->x[4 * w->width + u];
    if (w->kind == LA_WEIGHTS_SOFTMAX) normalize_softmax(row, seen);
    else normalize_linear(w, row, seen, exponent);
    zero_floats(row + seen, w->stride - seen);
  }
}

static int is_valid(const la_weights_args *a) {
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, 1)) return 0;
  if ((a->n_q > 0 && !a->q.data) || (a->n_k > 0 && !a->k.data) || (a->n_q > 0 && a->n_k > 0 && !a->out)) return 0;
  if (a->kind == LA_WEIGHTS_LINEAR) return map_find(&a->map) && a->map.dim == a->dim;
  return a->kind == LA_WEIGHTS_SOFTMAX && isfinite(a->scale);
}

int32_t la_weights(const la_weights_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  if (args->n_q == 0 || args->n_k == 0) return LA_OK;
  size_t n_q = (size_t)args->n_q, n_k = (size_t)args->n_k, heads = (size_t)args->heads, group = (size_t)(args->heads / args->kv_heads);
  float scale = args->kind == LA_WEIGHTS_LINEAR ? 1.0f : args->scale;
  weight_rows w = {.kind = (la_weights_kind)args->kind, .causal = args->causal, .scale = scale, .map = args->map, .n_k = n_k, .d = (size_t)args->dim};
  float *block = alloc_floats(weight_rows_layout(&w, NULL)), *out = args->out;
  if (!block) return LA_OUT_OF_MEMORY;
  weight_rows_layout(&w, block);
  for (size_t b = 0; b < (size_t)args->batch; b++) {
    for (size_t h = 0; h < heads; h++) {
      if (args->kind == LA_WEIGHTS_LINEAR) w.map = map_of_head(&args->map, h, heads, h / group, heads / group);
      if (h % group == 0) weight_rows_keys(&w, array_at(args->k, b, h / group, 0), args->k.row);
      for (size_t t = 0; t < n_q; t += 4) {
        size_t count = smaller(4, n_q - t);
        weight_rows_queries(&w, array_at(args->q, b, h, t), args->q.row, t, count);
        for (size_t u = 0; u < count; u++, out += n_k) memcpy(out, w.rows + u * w.stride, n_k * sizeof *out);
      }
    }
  }
  la_free(block);
  return LA_OK;
}
