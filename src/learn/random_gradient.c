/* Gradients of random features by x; their rows ω are drawn and not trained. Wᵀ has the temperature in it. */
#include <math.h>

#include "learn/map_gradient.h"

/* dx of a row += x·factor/√dim: by the norm ‖x·dim^(−1/4)‖²/2. */
static void norm_gradient(const map_gradient *g, size_t r, float factor) {
  size_t d = (size_t)g->map->dim;
  factor /= sqrtf((float)d);
  for (size_t i = 0; i < d; i++) g->dx[r * g->dx_stride + i] += g->x[r * g->x_stride + i] * factor;
}

void favor_gradient(const map_gradient *g) {
  if (!g->dx) return;
  size_t features = (size_t)g->map->size, columns = map_columns(g->map), stride = y_stride(columns);
  for (size_t r = 0; r < g->rows; r++) {
    const float *f = g->features + r * g->features_stride, *gradient = g->gradient + r * g->gradient_stride;
    float *y = g->y + r * stride, total = 0.0f;
    for (size_t c = 0; c < columns; c++) {
      float up = gradient[c] * (f[c] - g->floor), down = features > columns ? gradient[columns + c] * (f[columns + c] - g->floor) : 0.0f;
      y[c] = up - down;
      total += up + down;
    }
    if (!(g->map->options & LA_MAP_NO_NORM_TERM)) norm_gradient(g, r, -total);
  }
  affine_gradient(g, columns);
}

void rff_gradient(const map_gradient *g) {
  if (!g->dx) return;
  size_t columns = map_columns(g->map), stride = y_stride(columns);
  for (size_t r = 0; r < g->rows; r++) {
    const float *cos = g->features + r * g->features_stride, *sin = cos + columns;
    const float *d_cos = g->gradient + r * g->gradient_stride, *d_sin = d_cos + columns;
    float *y = g->y + r * stride, total = 0.0f;
    for (size_t c = 0; c < columns; c++) {
      y[c] = d_sin[c] * cos[c] - d_cos[c] * sin[c];
      total += d_cos[c] * cos[c] + d_sin[c] * sin[c];
    }
    if (!(g->map->options & LA_MAP_GAUSSIAN)) norm_gradient(g, r, total);
  }
  affine_gradient(g, columns);
}
