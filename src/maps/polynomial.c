/* Feature maps of products of two elements. */
#include <math.h>

#include "base/span.h"
#include "maps/feature_map.h"

/* y ⊙ roll(y, j) for j = 1 … ν, y = [relu(x), relu(−x)] (Schlag et al. 2021, eq. 37). */
void apply_dpfp(const la_feature_map *map, map_rows m) {
  size_t d = (size_t)map->dim, width = 2 * d;
  float twice[4 * LA_MAX_DIM], *y = twice + width; /* y after itself: roll(y, j) starts at y − j */
  for (size_t r = 0; r < m.rows; r++) {
    const float *x = m.x + r * m.x_stride;
    float *out = m.out + r * m.out_stride;
    span_map(y, x, d, relu);
    for (size_t i = 0; i < d; i++) y[d + i] = y[i] - x[i]; /* relu(x) − x is relu(−x), and NaN where x is not finite */
    memcpy(twice, y, width * sizeof *y);
    for (size_t j = 1; j <= (size_t)map->size; j++, out += width) {
      size_t i = 0;
      for (; i + 4 <= width; i += 4) v4_store(out + i, v4_mul(v4_load(y + i), v4_load(y + i - j)));
      for (; i < width; i++) out[i] = y[i] * *(y + i - j);
    }
  }
}

/* [1, x, x_i²/√2 and x_i·x_j for i < j] of x·dim^(−1/4): φ(q)·φ(k) = 1 + s + s²/2 (Arora et al. 2024). */
void apply_taylor(const la_feature_map *map, map_rows m) {
  size_t d = (size_t)map->dim;
  v4 temperature = v4_splat((float)(1.0 / sqrt(sqrt((double)d))));
  float x[LA_MAX_DIM + 4];
  zero_floats(x + d, 4);
  for (size_t r = 0; r < m.rows; r++) {
    const float *source = m.x + r * m.x_stride;
    float *out = m.out + r * m.out_stride;
    size_t i = 0;
    for (; i + 4 <= d; i += 4) v4_store(x + i, v4_mul(v4_load(source + i), temperature));
    if (i < d) v4_store_first(x + i, v4_mul(v4_load_first(source + i, d - i), temperature), d - i);
    *out++ = 1.0f;
    memcpy(out, x, d * sizeof *x);
    out += d;
    for (i = 0; i < d; i++) {
      size_t count = d - i;
      v4 x_i = v4_load_splat(x + i);
      /* Whole vectors run up to three elements into the next rows, which are written after; the last two rows are short. */
      for (size_t j = 0; count > 2 && j < count; j += 4) v4_store(out + j, v4_mul(x_i, v4_load(x + i + j)));
      if (count == 2) out[1] = x[i] * x[i + 1];
      out[0] = x[i] * x[i] * 0.707106781f;
      out += count;
    }
  }
}
