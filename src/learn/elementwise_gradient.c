/* Gradients of maps whose features come from one element each. */
#include "base/rows.h"
#include "learn/map_gradient.h"

/* dx[i] += gradient[i]·slope, slope(x, φ(x)). Written as a product where the slope is 0, so that what is not finite shows. */
static inline void each(const map_gradient *g, float (*slope)(float x, float feature)) {
  for (size_t r = 0; g->dx && r < g->rows; r++) {
    const float *x = g->x + r * g->x_stride, *features = g->features + r * g->features_stride, *gradient = g->gradient + r * g->gradient_stride;
    float *dx = g->dx + r * g->dx_stride;
    for (size_t i = 0; i < (size_t)g->map->dim; i++) dx[i] += gradient[i] * slope(x[i], features[i]);
  }
}

/* exp(x) is the feature itself where x ≤ 0. */
static inline float elu_slope(float x, float feature) { return x > 0.0f ? 1.0f : feature; }
static inline float relu_slope(float x, float feature) {
  (void)feature;
  return x > 0.0f ? 1.0f : x * 0.0f;
}
static inline float no_slope(float x, float feature) {
  (void)x, (void)feature;
  return 1.0f;
}

void elu_gradient(const map_gradient *g) { each(g, elu_slope); }
void relu_gradient(const map_gradient *g) { each(g, relu_slope); }
void identity_gradient(const map_gradient *g) { each(g, no_slope); }

void cosformer_gradient(const map_gradient *g) {
  size_t d = (size_t)g->map->dim;
  for (size_t r = 0; g->dx && r < g->rows; r++) {
    float sin, cos;
    cosformer_turn(g->map, g->position + r, &sin, &cos);
    const float *x = g->x + r * g->x_stride, *gradient = g->gradient + r * g->gradient_stride;
    float *dx = g->dx + r * g->dx_stride;
    for (size_t i = 0; i < d; i++) dx[i] += (gradient[i] * sin + gradient[d + i] * cos) * relu_slope(x[i], 0.0f);
  }
}
