/* xW on the outer-product tile, and on a row of panels where there is but one x (a step). */
#include "maps/project.h"

enum { ROW_PANELS = 4 }; /* two accumulators each: enough to hide the latency of the additions */

const float *project_weights(const la_feature_map *map, map_rows rows, size_t columns) {
  const float *weights = rows.as_key ? map->key_weights : map->query_weights;
  return weights ? weights + rows.head * packed_floats((size_t)map->dim, columns) : NULL;
}

const float *project_bias(const la_feature_map *map, map_rows rows, size_t columns) {
  const float *bias = rows.as_key ? map->key_bias : map->query_bias;
  return bias ? bias + rows.head * columns : NULL;
}

/* Infinities become NaN, as in the tile. */
static inline void store_panel(float *out, const v4 *sum, size_t columns) {
  float full[8];
  for (size_t h = 0; h < 2; h++) v4_store(full + 4 * h, v4_add(sum[h], v4_poison(sum[h])));
  memcpy(out, full, smaller(columns, 8) * sizeof *out);
}

static inline void project_panels(const float *panels, size_t dim, size_t columns, const float *x, float *out, const size_t count) {
  v4 sum[ROW_PANELS][2];
  const float *panel[ROW_PANELS];
  for (size_t p = 0; p < count; p++) {
    sum[p][0] = sum[p][1] = v4_splat(0.0f);
    panel[p] = panels + p * dim * 8;
  }
  for (size_t i = 0; i < dim; i++) {
    v4 x_i = v4_load_splat(x + i);
    for (size_t p = 0; p < count; p++) {
      for (size_t h = 0; h < 2; h++) sum[p][h] = v4_madd(x_i, v4_load(panel[p] + 4 * h), sum[p][h]);
      panel[p] += 8;
    }
  }
  for (size_t p = 0; p < count; p++) store_panel(out + 8 * p, sum[p], columns - 8 * p);
}

static void project_row(const float *panels, size_t dim, size_t columns, const float *x, float *out) {
  size_t c = 0;
  for (; c + 8 * (ROW_PANELS - 1) < columns; c += 8 * ROW_PANELS) project_panels(panels + c * dim, dim, columns - c, x, out + c, ROW_PANELS);
  for (; c < columns; c += 8) project_panels(panels + c * dim, dim, columns - c, x, out + c, 1);
}

void project(const float *panels, size_t dim, size_t columns, const float *x, size_t x_stride, size_t count, float *out, size_t out_stride) {
  LA_ASSERT(count >= 1 && count <= PROJECT_ROWS && dim <= LA_MAX_DIM);
  if (count == 1) {
    project_row(panels, dim, columns, x, out);
    return;
  }
  float x_panel[PROJECT_ROWS * LA_MAX_DIM];
  pack_panel(x_panel, x, x_stride, count, dim, PROJECT_ROWS, 1.0f);
  for (size_t c = 0; c < columns; c += 8)
    tile_store_result(out + c, out_stride, tile_outer_panels(tile_zero(), dim, x_panel, panels + c * dim), count, columns - c);
}
