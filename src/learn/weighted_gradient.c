/* Gradients of maps with learned weights: that of y = xW + b first. */
#include "learn/map_gradient.h"
#include "learn/slopes.h"

/* out = factor·p∘(gradient − mean), added where `add`: through a softmax p, mean = Σ p·gradient. */
LA_INLINE void through_softmax(float *out, const float *p, const float *gradient, size_t n, float mean, float factor, const int add) {
  size_t i = 0;
  v4 f = v4_splat(factor), m = v4_splat(mean);
  for (; i + 4 <= n; i += 4) {
    v4 d = v4_mul(v4_mul(f, v4_load(p + i)), v4_sub(v4_load(gradient + i), m));
    v4_store(out + i, add ? v4_add(v4_load(out + i), d) : d);
  }
  for (; i < n; i++) out[i] = (add ? out[i] : 0.0f) + factor * p[i] * (gradient[i] - mean);
}

/* Features that were clamped from below count as if they were not: they are 1e-12 of a sum of 1, less than rounding. */
void hedgehog_gradient(const map_gradient *g) {
  size_t columns = map_columns(g->map), stride = y_stride(columns);
  int joint = g->map->options & LA_MAP_JOINT;
  for (size_t r = 0; r < g->rows; r++) {
    const float *p = g->features + r * g->features_stride, *gradient = g->gradient + r * g->gradient_stride;
    float *y = g->y + r * stride, up = dot(p, gradient, columns), down = dot(p + columns, gradient + columns, columns);
    through_softmax(y, p, gradient, columns, joint ? up + down : up, joint ? 2.0f : 1.0f, 0);
    through_softmax(y, p + columns, gradient + columns, columns, joint ? up + down : down, joint ? -2.0f : -1.0f, 1);
  }
  affine_gradient(g, columns);
}

static inline v4 itself(v4 feature) { return feature; }

/* relu(y), or exp(y), whose slope is the feature. */
void learned_gradient(const map_gradient *g) {
  size_t columns = map_columns(g->map), stride = y_stride(columns);
  int is_exp = map_find(g->map)->scaled;
  for (size_t r = 0; r < g->rows; r++) {
    const float *features = g->features + r * g->features_stride, *gradient = g->gradient + r * g->gradient_stride;
    if (is_exp) through_slope(g->y + r * stride, gradient, features, columns, itself, 0);
    else through_slope(g->y + r * stride, gradient, features, columns, relu_slope, 0);
  }
  affine_gradient(g, columns);
}
