/* Layer normalisation: mean and variance in two passes over a row, since the mean square less the squared mean
 * cancels where a row lies far from 0. */
#include <math.h>

#include "base/simd.h"
#include "nn.h"

/* Σ (x_i − shift)^power, power 1 or 2, in four lanes of partial sums. */
static inline float sum_of(const float *x, size_t n, float shift, const int power) {
  v4 total = v4_splat(0.0f);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    v4 y = v4_sub(v4_load(x + i), v4_splat(shift));
    total = v4_add(total, power == 2 ? v4_mul(y, y) : y);
  }
  float sum = v4_sum(total);
  for (; i < n; i++) sum += power == 2 ? (x[i] - shift) * (x[i] - shift) : x[i] - shift;
  return sum;
}

/* 1/√(variance + eps). Squares of rows of 1e20 overflow and those of 1e-20 underflow, though the quotient does neither:
 * those are summed in float64. */
static float deviation_factor(const float *x, size_t n, float mean, float eps) {
  float variance = sum_of(x, n, mean, 2) / (float)n;
  if (variance + eps > 1e-30f && variance < INFINITY) return 1.0f / sqrtf(variance + eps);
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += ((double)x[i] - mean) * ((double)x[i] - mean);
  return (float)(1.0 / sqrt(sum / (double)n + (double)eps));
}

static inline void normalize_row(const la_layer_norm_args *a, const float *x, float *out) {
  size_t n = (size_t)a->width, i = 0;
  float mean = sum_of(x, n, 0.0f, 1) / (float)n;
  float factor = deviation_factor(x, n, mean, a->eps);
  for (; i + 4 <= n; i += 4) {
    v4 y = v4_mul(v4_sub(v4_load(x + i), v4_splat(mean)), v4_splat(factor));
    v4_store(out + i, v4_madd(y, v4_load(a->weight + i), v4_load(a->bias + i)));
  }
  for (; i < n; i++) out[i] = a->bias[i] + (x[i] - mean) * factor * a->weight[i];
}

int32_t la_layer_norm(const la_layer_norm_args *args) {
  const la_layer_norm_args *a = args;
  if (!a || a->rows < 0 || a->width < 1 || a->width > LA_MAX_WIDTH) return LA_INVALID_ARGUMENT;
  if (!isfinite(a->eps) || a->eps < 0.0f || !a->weight || !a->bias) return LA_INVALID_ARGUMENT;
  if (a->rows > 0 && (!a->x || !a->out)) return LA_INVALID_ARGUMENT;
  for (size_t r = 0; r < (size_t)a->rows; r++) normalize_row(a, a->x + r * (size_t)a->width, a->out + r * (size_t)a->width);
  return LA_OK;
}
