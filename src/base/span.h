/* Features of one row, four vectors at a time and then the tail. */
#ifndef LA_SPAN_H
#define LA_SPAN_H

#include <math.h>

#include "base/exp.h"
#include "base/rows.h"

/* x − min(x, 0) is max(x, 0), but NaN at −∞, which would otherwise vanish. */
static inline v4 relu(v4 x) { return v4_sub(x, v4_min(x, v4_splat(0.0f))); }

static inline float smaller_float(float a, float b) { return a < b ? a : b; }
static inline float larger_float(float a, float b) { return a < b ? b : a; }

/* out[i] = map(x[i]); out may be x. The constants of the map are loaded once for four vectors. */
static inline void span_map(float *out, const float *x, size_t n, v4 (*map)(v4)) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v4 f[4];
    for (size_t c = 0; c < 4; c++) f[c] = map(v4_load(x + i + 4 * c));
    for (size_t c = 0; c < 4; c++) v4_store(out + i + 4 * c, f[c]);
  }
  for (; i + 4 <= n; i += 4) v4_store(out + i, map(v4_load(x + i)));
  if (i < n) v4_store_first(out + i, map(v4_load_first(x + i, n - i)), n - i);
}

/* The largest sign·x[i]; NaN may be passed over. */
float span_max(const float *x, size_t n, float sign);

/* Whether every x[i] is a finite number; n a multiple of 4. */
int span_is_finite(const float *x, size_t n);

/* Whether an x[i] is above the limit, or NaN. */
int span_is_above(const float *x, size_t n, float limit);

/* out[i] = exp(sign·x[i] − shift)·scale + floor, where no sign·x[i] is above shift; out may be x. */
void span_exp(float *out, const float *x, size_t n, float sign, float shift, float scale, float floor);

float span_sum(const float *x, size_t n);

#endif
