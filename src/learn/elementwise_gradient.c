/* Gradients of maps whose features come from one element each. */
#include "learn/map_gradient.h"
#include "learn/slopes.h"
#include "maps/cosformer.h"

static inline v4 no_slope(v4 feature) {
  (void)feature;
  return v4_splat(1.0f);
}

static inline void each(const map_gradient *g, v4 (*slope)(v4)) {
  for (size_t r = 0; g->dx && r < g->rows; r++) {
    float *dx = g->dx + r * g->dx_stride;
    const float *gradient = g->gradient + r * g->gradient_stride, *features = g->features + r * g->features_stride;
    if (g->is_first) through_slope(dx, gradient, features, (size_t)g->map->dim, slope, 0);
    else through_slope(dx, gradient, features, (size_t)g->map->dim, slope, 1);
  }
}

void elu_gradient(const map_gradient *g) { each(g, elu_slope); }
void relu_gradient(const map_gradient *g) { each(g, relu_slope); }
void identity_gradient(const map_gradient *g) { each(g, no_slope); }

/* Features relu(x)·sin and relu(x)·cos of the position. */
void cosformer_gradient(const map_gradient *g) {
  size_t d = (size_t)g->map->dim;
  for (size_t r = 0; g->dx && r < g->rows; r++) {
    float sin, cos;
    cosformer_turn(g->map, g->position + r, &sin, &cos);
    const float *x = g->x + r * g->x_stride, *gradient = g->gradient + r * g->gradient_stride;
    float *dx = g->dx + r * g->dx_stride;
    for (size_t i = 0; i < d; i++) dx[i] += (gradient[i] * sin + gradient[d + i] * cos) * (x[i] > 0.0f ? 1.0f : x[i] * 0.0f);
  }
}
