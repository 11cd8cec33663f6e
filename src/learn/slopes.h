/* Slopes of maps by their own features, four at a time, written so that what is not finite shows. */
#ifndef LA_SLOPES_H
#define LA_SLOPES_H

#include "base/rows.h"

/* elu + 1: exp(x), the feature itself, or 1 where that is above. */
static inline v4 elu_slope(v4 feature) { return v4_min(feature, v4_splat(1.0f)); }

/* relu: 1 where the feature is above 0, however little. */
static inline v4 relu_slope(v4 feature) { return v4_min(v4_mul(v4_mul(feature, v4_splat(1e38f)), v4_splat(1e10f)), v4_splat(1.0f)); }

/* out[i] = gradient[i]·slope(features[i]), added where `add`. */
LA_INLINE void through_slope(float *out, const float *gradient, const float *features, size_t n, v4 (*slope)(v4), const int add) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    v4 d = v4_mul(v4_load(gradient + i), slope(v4_load(features + i)));
    v4_store(out + i, add ? v4_add(v4_load(out + i), d) : d);
  }
  if (i == n) return;
  v4 d = v4_mul(v4_load_first(gradient + i, n - i), slope(v4_load_first(features + i, n - i)));
  v4_store_first(out + i, add ? v4_add(v4_load_first(out + i, n - i), d) : d, n - i);
}

#endif
