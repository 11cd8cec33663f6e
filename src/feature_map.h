/* Feature maps inside the core: one row of a table each. */
#ifndef LA_FEATURE_MAP_H
#define LA_FEATURE_MAP_H

#include "linear_attention.h"

/* Rows to map. Row r of x starts at x + r·x_stride and has map->dim floats; row r of out has `features` floats. */
typedef struct {
  const float *x;
  float *out;
  size_t rows, x_stride, out_stride;
} map_rows;

typedef struct {
  int32_t (*features)(const la_feature_map *map);
  void (*apply)(const la_feature_map *map, map_rows rows);
} map_entry;

/* NULL when the map is not valid. */
const map_entry *map_find(const la_feature_map *map);

#endif
