/* xW for feature maps with weights: W in panels of eight columns, [⌈columns/8⌉][dim][8], padding 0. */
#ifndef LA_PROJECT_H
#define LA_PROJECT_H

#include "base/outer.h"
#include "maps/feature_map.h"

enum { PROJECT_ROWS = 4 }; /* rows that the tile takes at once */

static inline size_t packed_floats(size_t dim, size_t columns) { return round_up(columns, 8) * dim; }

/* This role's and head's panels and bias; NULL where there are none. */
const float *project_weights(const la_feature_map *map, map_rows rows, size_t columns);
const float *project_bias(const la_feature_map *map, map_rows rows, size_t columns);

/* out[r, 0..columns) = x[r, :]·W for r < count ≤ PROJECT_ROWS; the same bits whatever the count. Infinities become NaN. */
void project(const float *panels, size_t dim, size_t columns, const float *x, size_t x_stride, size_t count, float *out, size_t out_stride);

#endif
