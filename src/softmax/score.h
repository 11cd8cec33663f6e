/* Products of queries with keys on the outer-product tile: panels of four queries against panels of eight keys. */
#ifndef LA_SCORE_H
#define LA_SCORE_H

#include "base/outer.h"

/* Rows in panels of `width`, feature-major: [rows/width][d][width], times scale. */
static inline void pack_panels(float *out, const float *x, size_t stride, size_t rows, size_t d, const size_t width, float scale) {
  for (size_t r = 0; r < rows; r += width) pack_panel(out + r * d, x + r * stride, stride, smaller(width, rows - r), d, width, scale);
}

/* scores[r, j] = q[r]·k[j] for a panel of four queries and the first count keys, written in whole panels; infinities
 * become NaN, so that an infinite key cannot pass for one that is never attended to. */
static inline void score_tiles(const float *q, const float *k, size_t count, size_t d, float *scores, size_t stride) {
  for (size_t j = 0; j < count; j += 8)
    tile_store_result(scores + j, stride, tile_outer_panels(tile_zero(), d, q, k + j * d), 4, 8);
}

#endif
