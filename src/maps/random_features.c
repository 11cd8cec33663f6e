/* Random features of the softmax and Gaussian kernels; the weights are ω·dim^(−1/4). */
#include <math.h>

#include "base/sincos.h"
#include "base/span.h"
#include "maps/project.h"

/* ‖x·dim^(−1/4)‖²/2; NaN, and so all that it is added to, where it is not finite. */
static inline float half_squared_norm(const float *x, size_t d) {
  float half = 0.5f * dot(x, x, d) / sqrtf((float)d);
  return half + half * 0.0f;
}

static inline v4 times(v4 x, float factor) { return v4_mul(x, v4_splat(factor)); }

/* m^(−1/2)·exp(±ωᵀx − ‖x‖²/2) (Choromanski et al. 2021). Without epsilon ‖x‖²/2 goes into the exponent, and so cannot
 * underflow; with it the features hold it, since epsilon is relative to max ωᵀx alone (performer-pytorch). */
void apply_favor(const la_feature_map *map, map_rows m) {
  size_t d = (size_t)map->dim, features = (size_t)map->size;
  int hyperbolic = map->options & LA_MAP_HYPERBOLIC;
  size_t columns = hyperbolic ? features / 2 : features;
  const float *panels = project_weights(map, m, columns);
  float ratio = 1.0f / sqrtf((float)features), floor = m.as_key ? 0.0f : map->epsilon * ratio;
  for (size_t r = 0; r < m.rows; r++) {
    const float *x = m.x + r * m.x_stride;
    float *out = m.out + r * m.out_stride;
    if (r % PROJECT_ROWS == 0) project(panels, d, columns, x, m.x_stride, smaller(PROJECT_ROWS, m.rows - r), out, m.out_stride);
    float norm = half_squared_norm(x, d), top = span_max(out, columns, 1.0f);
    if (hyperbolic) top = larger_float(top, span_max(out, columns, -1.0f));
    if (map->options & LA_MAP_NO_NORM_TERM) norm *= 0.0f;
    float shift = map->epsilon > 0.0f ? top + norm : top + norm * 0.0f;
    m.exponents[r] = map->epsilon > 0.0f ? top + norm * 0.0f : top - norm;
    if (hyperbolic) span_exp(out + columns, out, columns, -1.0f, shift, ratio, floor);
    span_exp(out, out, columns, 1.0f, shift, ratio, floor);
  }
}

/* exp(‖x‖²/2)·(2/m)^(1/2)·[cos ωᵀx, sin ωᵀx] (Rahimi & Recht 2007; Peng et al. 2021); the first factor is the exponent. */
void apply_rff(const la_feature_map *map, map_rows m) {
  size_t d = (size_t)map->dim, columns = (size_t)map->size / 2;
  const float *panels = project_weights(map, m, columns);
  float ratio = 1.0f / sqrtf((float)columns);
  for (size_t r = 0; r < m.rows; r++) {
    const float *x = m.x + r * m.x_stride;
    float *out = m.out + r * m.out_stride;
    if (r % PROJECT_ROWS == 0) project(panels, d, columns, x, m.x_stride, smaller(PROJECT_ROWS, m.rows - r), out, m.out_stride);
    float norm = half_squared_norm(x, d);
    m.exponents[r] = map->options & LA_MAP_GAUSSIAN ? norm * 0.0f : norm;
    size_t i = 0;
    v4 sin, cos;
    for (; i + 4 <= columns; i += 4) {
      v4_sincos(v4_load(out + i), &sin, &cos);
      v4_store(out + i, times(cos, ratio));
      v4_store(out + columns + i, times(sin, ratio));
    }
    if (i < columns) {
      v4_sincos(v4_load_first(out + i, columns - i), &sin, &cos);
      v4_store_first(out + i, times(cos, ratio), columns - i);
      v4_store_first(out + columns + i, times(sin, ratio), columns - i);
    }
  }
}
