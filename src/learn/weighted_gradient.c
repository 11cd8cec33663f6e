/* Gradients of maps with learned weights: that of y = xW + b first. */
#include "base/rows.h"
#include "learn/map_gradient.h"

/* out = ±p∘(gradient − Σ p·gradient), the gradient through a softmax p of n; added where `add`. */
static void through_softmax(float *out, const float *p, const float *gradient, size_t n, float sign, int add) {
  float mean = dot(p, gradient, n);
  for (size_t i = 0; i < n; i++) out[i] = (add ? out[i] : 0.0f) + sign * p[i] * (gradient[i] - mean);
}

/* Features that were clamped from below stand still. They are 1e-12 of a sum of 1: what that leaves out is less than rounding. */
void hedgehog_gradient(const map_gradient *g) {
  size_t columns = map_columns(g->map), stride = y_stride(columns);
  for (size_t r = 0; r < g->rows; r++) {
    const float *p = g->features + r * g->features_stride, *gradient = g->gradient + r * g->gradient_stride;
    float *y = g->y + r * stride;
    if (g->map->options & LA_MAP_JOINT) {
      float mean = dot(p, gradient, 2 * columns);
      for (size_t i = 0; i < columns; i++)
        y[i] = 2.0f * (p[i] * (gradient[i] - mean) - p[columns + i] * (gradient[columns + i] - mean));
      continue;
    }
    through_softmax(y, p, gradient, columns, 1.0f, 0);
    through_softmax(y, p + columns, gradient + columns, columns, -1.0f, 1);
  }
  affine_gradient(g, columns);
}

/* relu(y): the slope is 1 where the feature is above 0. exp(y): the slope is the feature. */
void learned_gradient(const map_gradient *g) {
  size_t columns = map_columns(g->map), stride = y_stride(columns);
  int is_exp = map_find(g->map)->scaled;
  for (size_t r = 0; r < g->rows; r++) {
    const float *f = g->features + r * g->features_stride, *gradient = g->gradient + r * g->gradient_stride;
    float *y = g->y + r * stride;
    for (size_t i = 0; i < columns; i++) y[i] = gradient[i] * (is_exp ? f[i] : f[i] > 0.0f ? 1.0f : f[i] * 0.0f);
  }
  affine_gradient(g, columns);
}
