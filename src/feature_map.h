/* Feature maps inside the core: one row of a table each. */
#ifndef LA_FEATURE_MAP_H
#define LA_FEATURE_MAP_H

#include "linear_attention.h"

/* Rows to map. Row r of x starts at x + r·x_stride and has map->dim floats; row r of out has `features` floats. */
typedef struct {
  const float *x;
  float *out;
  size_t rows, x_stride, out_stride;
  size_t head;      /* of the weights */
  size_t position;  /* of row 0 in its sequence, from 0 */
  int as_key;       /* else as query */
  float *exponents; /* [rows], written by scaled maps: φ(x_r) = out_r·exp(exponents[r]); other maps leave it alone */
} map_rows;

typedef struct {
  int32_t (*features)(const la_feature_map *map); /* 0 when its fields make no valid map */
  void (*apply)(const la_feature_map *map, map_rows rows);
  int scaled; /* φ may overflow: it comes with exponents, and for keys without epsilon */
} map_entry;

/* NULL when the map is not valid. */
const map_entry *map_find(const la_feature_map *map);

#endif
