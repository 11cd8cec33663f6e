/* Gradients of maps of products of two elements. */
#include <math.h>

#include "base/rows.h"
#include "learn/map_gradient.h"

/* Feature (j, i) is y_i·y_{i−j}, y = [relu(x), relu(−x)]. */
void dpfp_gradient(const map_gradient *g) {
  size_t d = (size_t)g->map->dim, width = 2 * d;
  float y[2 * LA_MAX_DIM], dy[2 * LA_MAX_DIM];
  for (size_t r = 0; g->dx && r < g->rows; r++) {
    const float *x = g->x + r * g->x_stride, *gradient = g->gradient + r * g->gradient_stride;
    float *dx = g->dx + r * g->dx_stride;
    for (size_t i = 0; i < d; i++) {
      y[i] = x[i] > 0.0f ? x[i] : x[i] * 0.0f;
      y[d + i] = y[i] - x[i];
    }
    zero_floats(dy, width);
    for (size_t j = 1; j <= (size_t)g->map->size; j++, gradient += width) {
      for (size_t i = 0; i < width; i++) {
        size_t other = i >= j ? i - j : i + width - j;
        dy[i] += gradient[i] * y[other];
        dy[other] += gradient[i] * y[i];
      }
    }
    for (size_t i = 0; i < d; i++) dx[i] += x[i] > 0.0f ? dy[i] : x[i] < 0.0f ? -dy[d + i] : x[i] * 0.0f;
  }
}

/* Features 1, x, x_i²/√2 and x_i·x_j of x·dim^(−1/4). */
void taylor_gradient(const map_gradient *g) {
  size_t d = (size_t)g->map->dim;
  float temperature = (float)(1.0 / sqrt(sqrt((double)d))), x[LA_MAX_DIM], dx[LA_MAX_DIM];
  for (size_t r = 0; g->dx && r < g->rows; r++) {
    const float *gradient = g->gradient + r * g->gradient_stride + 1;
    for (size_t i = 0; i < d; i++) x[i] = g->x[r * g->x_stride + i] * temperature;
    memcpy(dx, gradient, d * sizeof *dx);
    gradient += d;
    for (size_t i = 0; i < d; gradient += d - i, i++) {
      float sum = gradient[0] * 1.41421356f * x[i];
      for (size_t j = i + 1; j < d; j++) {
        sum += gradient[j - i] * x[j];
        dx[j] += gradient[j - i] * x[i];
      }
      dx[i] += sum;
    }
    for (size_t i = 0; i < d; i++) g->dx[r * g->dx_stride + i] += dx[i] * temperature;
  }
}
