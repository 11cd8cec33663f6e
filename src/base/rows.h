/* Moving rows between the caller's arrays and padded scratch: the one place that knows about tails. */
#ifndef LA_ROWS_H
#define LA_ROWS_H

#include <stddef.h>

#include "base/simd.h"

static inline size_t round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The first n < 4 lanes from p, the rest 0; reads nothing past p[n]. */
static inline v4 v4_load_first(const float *p, size_t n) {
  LA_ASSERT(n < 4);
  float lanes[4] = {0};
  for (size_t i = 0; i < n; i++) lanes[i] = p[i];
  return v4_load(lanes);
}

static inline void v4_store_first(float *p, v4 a, size_t n) {
  LA_ASSERT(n < 4);
  float lanes[4];
  v4_store(lanes, a);
  for (size_t i = 0; i < n; i++) p[i] = lanes[i];
}

/* 0, or NaN in lanes where x is not finite. */
static inline v4 v4_poison(v4 x) { return v4_mul(x, v4_splat(0.0f)); }

static inline void zero_floats(float *p, size_t n) { memset(p, 0, n * sizeof *p); }

/* out[r, 0..width) = x[r, :], the columns up to out_stride 0. */
static inline void copy_rows(float *out, size_t out_stride, const float *x, size_t x_stride, size_t rows, size_t width) {
  LA_ASSERT(width <= out_stride);
  for (size_t r = 0; r < rows; r++) {
    memcpy(out + r * out_stride, x + r * x_stride, width * sizeof *x);
    zero_floats(out + r * out_stride + width, out_stride - width);
  }
}

/* n a multiple of 4. */
static inline void scale_floats(float *x, size_t n, float factor) {
  LA_ASSERT(n % 4 == 0);
  for (size_t i = 0; i < n; i += 4) v4_store(x + i, v4_mul(v4_load(x + i), v4_splat(factor)));
}

static inline void add_to(float *sum, const float *x, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) v4_store(sum + i, v4_add(v4_load(sum + i), v4_load(x + i)));
  for (; i < n; i++) sum[i] += x[i];
}

/* Four lanes of partial sums of a·b, in one fixed order. */
static inline float dot(const float *a, const float *b, size_t n) {
  v4 sum = v4_splat(0.0f);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) sum = v4_madd(v4_load(a + i), v4_load(b + i), sum);
  if (i < n) sum = v4_madd(v4_load_first(a + i, n - i), v4_load_first(b + i, n - i), sum);
  return v4_sum(sum);
}

typedef struct {
  const float *x;
  size_t stride, width;
} row_span;

enum { CACHE_LINE = 16 }; /* floats */

/* Reads a float of each cache line of `rows` rows of every span, so that lines come from memory many at a time; loops that
 * compute in between wait for one after the other. Row by row: several streams come faster than one after the other. */
static inline void touch_rows(const row_span *spans, size_t count, size_t rows) {
  for (size_t r = 0; r < rows; r++)
    for (size_t s = 0; s < count; s++)
      for (size_t i = 0; i < spans[s].width; i += CACHE_LINE) (void)*(const volatile float *)(spans[s].x + r * spans[s].stride + i);
}

/* Whether rows so far apart share a few sets of an L1 cache (Zen 4: 64 sets of 8 lines), where 64 of them push one another
 * out: then copies COPY_PAD floats further apart are faster (5 to 20 %; at half the distance they lose 4 %). */
static inline int rows_collide(size_t stride) { return stride % 256 == 0; }

enum { COPY_PAD = CACHE_LINE };

#endif
