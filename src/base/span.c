/* Reductions and exponentials of one row of features: functions, not inline, since a dozen copies of exp would be 2 KB. */
#include "base/span.h"

#include <float.h>

float span_max(const float *x, size_t n, float sign) {
  v4 most[4];
  size_t i = 0;
  for (size_t c = 0; c < 4; c++) most[c] = v4_splat(-INFINITY);
  for (; i + 16 <= n; i += 16)
    for (size_t c = 0; c < 4; c++) most[c] = v4_max(most[c], v4_mul(v4_load(x + i + 4 * c), v4_splat(sign)));
  float top = v4_max_lane(v4_max(v4_max(most[0], most[1]), v4_max(most[2], most[3])));
  for (; i < n; i++) top = larger_float(top, sign * x[i]);
  return top;
}

int span_is_finite(const float *x, size_t n) {
  LA_ASSERT(n % 4 == 0);
  v4 poison = v4_splat(0.0f);
  for (size_t i = 0; i < n; i += 4) poison = v4_add(poison, v4_poison(v4_load(x + i)));
  return v4_sum(poison) == 0.0f;
}

/* −∞ is brought to a number first: less itself it would be NaN. */
int span_is_above(const float *x, size_t n, float limit) {
  v4 above = v4_splat(0.0f), least = v4_splat(-FLT_MAX), most = v4_splat(limit);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) above = v4_add(above, v4_max(v4_sub(v4_max(v4_load(x + i), least), most), v4_splat(0.0f)));
  int found = !(v4_sum(above) == 0.0f);
  for (; i < n; i++) found |= !(x[i] <= limit);
  return found;
}

/* exp(sign·x − shift)·scale + floor for c < count vectors of x, the constants loaded once for all of them. */
static inline void exp_vectors(float *out, const float *x, const size_t count, float sign, float shift, float scale, float floor) {
  v4 f[4];
  for (size_t c = 0; c < count; c++) f[c] = v4_exp(v4_madd(v4_load(x + 4 * c), v4_splat(sign), v4_splat(-shift)));
  for (size_t c = 0; c < count; c++) v4_store(out + 4 * c, v4_madd(f[c], v4_splat(scale), v4_splat(floor)));
}

void span_exp(float *out, const float *x, size_t n, float sign, float shift, float scale, float floor) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) exp_vectors(out + i, x + i, 4, sign, shift, scale, floor);
  for (; i + 4 <= n; i += 4) exp_vectors(out + i, x + i, 1, sign, shift, scale, floor);
  if (i == n) return;
  float last[4];
  v4_store(last, v4_load_first(x + i, n - i));
  exp_vectors(last, last, 1, sign, shift, scale, floor);
  memcpy(out + i, last, (n - i) * sizeof *out);
}

float span_sum(const float *x, size_t n) {
  v4 sum = v4_splat(0.0f);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) sum = v4_add(sum, v4_load(x + i));
  float total = v4_sum(sum);
  for (; i < n; i++) total += x[i];
  return total;
}
