/* Feature maps with learned weights: y = xW + b first. */
#include "base/span.h"
#include "maps/project.h"

static const float least = 1e-12f; /* below it hedgehog's features are clamped, as in its authors' code */

/* y into out, row by row of a block of count ≤ PROJECT_ROWS. */
static void affine(const la_feature_map *map, map_rows m, size_t first, size_t count, size_t columns) {
  size_t d = (size_t)map->dim;
  const float *panels = project_weights(map, m, columns), *bias = project_bias(map, m, columns), *x = m.x + first * m.x_stride;
  float *out = m.out + first * m.out_stride;
  if (panels) project(panels, d, columns, x, m.x_stride, count, out, m.out_stride);
  for (size_t r = 0; r < count; r++) {
    if (!panels) memcpy(out + r * m.out_stride, x + r * m.x_stride, d * sizeof *x);
    if (bias) add_to(out + r * m.out_stride, bias, columns);
  }
}

static void divide(float *x, size_t n, float total) {
  v4 factor = v4_splat(1.0f / total), floor = v4_splat(least);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) v4_store(x + i, v4_max(v4_mul(v4_load(x + i), factor), floor));
  if (i < n) v4_store_first(x + i, v4_max(v4_mul(v4_load_first(x + i, n - i), factor), floor), n - i);
}

/* [softmax(y), softmax(−y)]: a shift by the largest element each. */
static void softmax_apart(float *out, size_t d) {
  float top = span_max(out, d, 1.0f), bottom = span_max(out, d, -1.0f);
  span_exp(out + d, out, d, -1.0f, bottom, 1.0f, 0.0f);
  span_exp(out, out, d, 1.0f, top, 1.0f, 0.0f);
  divide(out, d, span_sum(out, d));
  divide(out + d, d, span_sum(out + d, d));
}

/* softmax([2y, −2y]): one shift and one sum. */
static void softmax_joint(float *out, size_t d) {
  float top = larger_float(span_max(out, d, 2.0f), span_max(out, d, -2.0f));
  span_exp(out + d, out, d, -2.0f, top, 1.0f, 0.0f);
  span_exp(out, out, d, 2.0f, top, 1.0f, 0.0f);
  divide(out, 2 * d, span_sum(out, 2 * d));
}

/* Zhang et al. 2024. */
void apply_hedgehog(const la_feature_map *map, map_rows m) {
  size_t columns = (size_t)(map->size ? map->size : map->dim);
  for (size_t r = 0; r < m.rows; r += PROJECT_ROWS) {
    size_t count = smaller(PROJECT_ROWS, m.rows - r);
    affine(map, m, r, count, columns);
    for (size_t u = 0; u < count; u++) {
      float *out = m.out + (r + u) * m.out_stride;
      if (map->options & LA_MAP_JOINT) softmax_joint(out, columns);
      else softmax_apart(out, columns);
    }
  }
}

/* relu(xW + b) (T2R, Kasai et al. 2021). */
void apply_learned(const la_feature_map *map, map_rows m) {
  size_t columns = (size_t)map->size;
  for (size_t r = 0; r < m.rows; r += PROJECT_ROWS) {
    size_t count = smaller(PROJECT_ROWS, m.rows - r);
    affine(map, m, r, count, columns);
    for (size_t u = 0; u < count; u++) span_map(m.out + (r + u) * m.out_stride, m.out + (r + u) * m.out_stride, columns, relu);
  }
}

/* exp(xW + b), the largest xW + b of a row as its exponent: features are at most 1. A sum that is not finite makes all of
 * them NaN, where exp(−∞) would hide it. */
void apply_learned_exp(const la_feature_map *map, map_rows m) {
  size_t columns = (size_t)map->size;
  for (size_t r = 0; r < m.rows; r += PROJECT_ROWS) {
    size_t count = smaller(PROJECT_ROWS, m.rows - r);
    affine(map, m, r, count, columns);
    for (size_t u = 0; u < count; u++) {
      float *out = m.out + (r + u) * m.out_stride, top = span_max(out, columns, 1.0f) + 0.0f * span_sum(out, columns);
      m.exponents[r + u] = top;
      span_exp(out, out, columns, 1.0f, top, 1.0f, 0.0f);
    }
  }
}
