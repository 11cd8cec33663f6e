/* cosFormer: relu(x) weighed by sin and cos of the position (Qin et al. 2022). */
#include "maps/cosformer.h"

#include "base/span.h"

typedef struct {
  double sin, cos;
} turn;

/* Taylor series for 0 ≤ x < π/2: within 1e-15 in a dozen terms. */
static turn sin_cos(double x) {
  turn t = {0.0, 0.0};
  double term = 1.0;
  for (int n = 1; n <= 24; n += 2) {
    t.cos += term;
    term *= x / n;
    t.sin += term;
    term *= -x / (n + 1);
  }
  return t;
}

/* sin and cos of (π/2)·place/longest; whole quarter turns are taken off in integers. */
static turn turn_at(uint64_t place, uint64_t longest) {
  turn t = sin_cos(1.5707963267948966 * ((double)(place % longest) / (double)longest));
  for (uint64_t quarters = place / longest % 4; quarters > 0; quarters--) t = (turn){t.cos, -t.sin};
  return t;
}

void cosformer_turn(const la_feature_map *map, size_t position, float *sin, float *cos) {
  turn t = turn_at((uint64_t)position + 1, (uint64_t)map->size);
  *sin = (float)t.sin;
  *cos = (float)t.cos;
}

void apply_cosformer(const la_feature_map *map, map_rows m) {
  size_t d = (size_t)map->dim;
  for (size_t r = 0; r < m.rows; r++) {
    float s, c;
    cosformer_turn(map, m.position + r, &s, &c);
    float *out = m.out + r * m.out_stride;
    span_map(out, m.x + r * m.x_stride, d, relu);
    for (size_t i = 0; i < d; i++) {
      out[d + i] = out[i] * c;
      out[i] *= s;
    }
  }
}
