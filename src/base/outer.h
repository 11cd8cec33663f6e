/* The outer-product micro-kernel: a 4×8 block of C += A·B held in eight accumulators.
 * Larger tiles spill in V8 (16 vector registers); 4×8 reaches the mul+add peak of SIMD128. */
#ifndef LA_OUTER_H
#define LA_OUTER_H

#include <stddef.h>

#include "base/rows.h"

typedef struct {
  v4 row[4][2];
} tile4x8;

static inline tile4x8 tile_zero(void) {
  tile4x8 c;
  for (int r = 0; r < 4; r++) c.row[r][0] = c.row[r][1] = v4_splat(0.0f);
  return c;
}

static inline tile4x8 tile_load(const float *c, size_t stride) {
  tile4x8 t;
  for (int r = 0; r < 4; r++) {
    t.row[r][0] = v4_load(c + r * stride);
    t.row[r][1] = v4_load(c + r * stride + 4);
  }
  return t;
}

static inline void tile_store(float *c, size_t stride, tile4x8 t) {
  for (int r = 0; r < 4; r++) {
    v4_store(c + r * stride, t.row[r][0]);
    v4_store(c + r * stride + 4, t.row[r][1]);
  }
}

static inline tile4x8 tile_add(tile4x8 a, tile4x8 b) {
  for (int r = 0; r < 4; r++)
    for (int h = 0; h < 2; h++) a.row[r][h] = v4_add(a.row[r][h], b.row[r][h]);
  return a;
}

/* Row r times factor[r]. */
static inline tile4x8 tile_scale(tile4x8 t, const float *factor) {
  for (int r = 0; r < 4; r++)
    for (int h = 0; h < 2; h++) t.row[r][h] = v4_mul(t.row[r][h], v4_load_splat(factor + r));
  return t;
}

/* Stores `rows` ≤ 4 rows of `columns` ≤ 8 elements; infinities become NaN. */
static inline void tile_store_result(float *c, size_t stride, tile4x8 t, size_t rows, size_t columns) {
  for (int r = 0; r < 4; r++)
    for (int h = 0; h < 2; h++) t.row[r][h] = v4_add(t.row[r][h], v4_poison(t.row[r][h]));
  if (rows >= 4 && columns >= 8) {
    tile_store(c, stride, t);
    return;
  }
  float full[4 * 8];
  tile_store(full, 8, t);
  for (size_t r = 0; r < smaller(rows, 4); r++) memcpy(c + r * stride, full + r * 8, smaller(columns, 8) * sizeof *c);
}

/* c + Σ_{i<n} a[:, i]·b[i, :]; element (r, i) of A is a[r·a_row + i·a_step], row i of B is b[i·b_step .. +8). The
 * loop ends by the pointer into B, so that b_step is not 0: a counter beside the two would be one instruction more, 2 to 4 %
 * of softmax. */
static inline tile4x8 tile_outer(tile4x8 c, size_t n, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_step) {
  LA_ASSERT(b_step > 0);
  for (const float *end = b + n * b_step; b != end; a += a_step, b += b_step) {
    v4 b0 = v4_load(b), b1 = v4_load(b + 4);
    for (int r = 0; r < 4; r++) {
      v4 a_r = v4_load_splat(a + r * a_row);
      c.row[r][0] = v4_madd(a_r, b0, c.row[r][0]);
      c.row[r][1] = v4_madd(a_r, b1, c.row[r][1]);
    }
  }
  return c;
}

/* c + A·B with A in a panel [n][4] and B in a panel [n][8]: constant strides become immediate offsets, 16 % faster. */
static inline tile4x8 tile_outer_panels(tile4x8 c, size_t n, const float *a, const float *b) { return tile_outer(c, n, a, 1, 4, b, 8); }

/* Rows r < rows ≤ width of x as a panel [columns][width], times scale; lanes past rows 0. width is 4 or 8. */
static inline void pack_panel(float *panel, const float *x, size_t stride, size_t rows, size_t columns, const size_t width, float scale) {
  LA_ASSERT((width == 4 || width == 8) && rows <= width);
  size_t i = 0;
  for (; rows == width && i + 4 <= columns; i += 4) {
    for (size_t first = 0; first < width; first += 4) {
      v4 row[4];
      for (size_t r = 0; r < 4; r++) row[r] = v4_mul(v4_load(x + (first + r) * stride + i), v4_splat(scale));
      v4_transpose(&row[0], &row[1], &row[2], &row[3]);
      for (size_t r = 0; r < 4; r++) v4_store(panel + (i + r) * width + first, row[r]);
    }
  }
  for (; i < columns; i++)
    for (size_t r = 0; r < width; r++) panel[i * width + r] = r < rows ? x[r * stride + i] * scale : 0.0f;
}

/* Rows in panels of `width`, feature-major: [rows/width][columns][width], times scale. */
static inline void pack_panels(float *out, const float *x, size_t stride, size_t rows, size_t columns, const size_t width, float scale) {
  for (size_t r = 0; r < rows; r += width) pack_panel(out + r * columns, x + r * stride, stride, smaller(width, rows - r), columns, width, scale);
}

#endif
