/* Moving rows between the caller's arrays and padded scratch: the one place that knows about tails. */
#ifndef LA_ROWS_H
#define LA_ROWS_H

#include "linear_attention.h"
#include "base/simd.h"

static inline size_t round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The first n < 4 lanes from p, the rest 0; reads nothing past p[n]. */
static inline v4 v4_load_part(const float *p, size_t n) {
  float lanes[4] = {0};
  for (size_t i = 0; i < n; i++) lanes[i] = p[i];
  return v4_load(lanes);
}

static inline void v4_store_part(float *p, v4 a, size_t n) {
  float lanes[4];
  v4_store(lanes, a);
  for (size_t i = 0; i < n; i++) p[i] = lanes[i];
}

/* 0, or NaN in lanes where x is not finite. */
static inline v4 v4_poison(v4 x) { return v4_mul(x, v4_splat(0.0f)); }

static inline void zero_floats(float *p, size_t n) { memset(p, 0, n * sizeof *p); }

/* out[r, 0..width) = x[r, :], the columns up to out_stride 0. */
static inline void copy_rows(float *out, size_t out_stride, const float *x, size_t x_stride, size_t rows, size_t width) {
  for (size_t r = 0; r < rows; r++) {
    memcpy(out + r * out_stride, x + r * x_stride, width * sizeof *x);
    zero_floats(out + r * out_stride + width, out_stride - width);
  }
}

/* n a multiple of 4. */
static inline void scale_floats(float *x, size_t n, float factor) {
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
  if (i < n) sum = v4_madd(v4_load_part(a + i, n - i), v4_load_part(b + i, n - i), sum);
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

static inline float *array_at(la_array a, size_t batch, size_t head, size_t row) {
  return a.data + batch * a.batch + head * a.head + row * a.row;
}

/* Leading keys of this batch that count. */
static inline size_t keys_in(const int32_t *key_lengths, size_t batch, size_t n_k) {
  return key_lengths ? (size_t)key_lengths[batch] : n_k;
}

/* Points parts[i] at sizes[i] floats each, one after the other from base (when given); returns the floats in all.
 * 64-bit, because on wasm32 the scratch of a call may be more than can be addressed. */
static inline uint64_t carve(float *base, float **parts[], const uint64_t sizes[], size_t count) {
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    if (base) *parts[i] = base + total;
    total += (sizes[i] + 3) / 4 * 4;
  }
  return total;
}

static inline float *alloc_floats(uint64_t count) { return count > SIZE_MAX / sizeof(float) ? NULL : la_alloc((size_t)count * sizeof(float)); }

static inline int sizes_are_valid(int32_t batch, int32_t heads, int32_t kv_heads, int32_t n_q, int32_t n_k, int32_t dim, int32_t value_dim) {
  if (batch < 0 || heads < 0 || kv_heads < 1 || heads % kv_heads != 0 || n_q < 0 || n_k < 0) return 0;
  return dim >= 1 && dim <= LA_MAX_DIM && value_dim >= 1 && value_dim <= LA_MAX_DIM;
}

static inline int key_lengths_are_valid(const int32_t *key_lengths, int32_t batch, int32_t n_k) {
  for (int32_t b = 0; key_lengths && b < batch; b++)
    if (key_lengths[b] < 0 || key_lengths[b] > n_k) return 0;
  return 1;
}

#endif
