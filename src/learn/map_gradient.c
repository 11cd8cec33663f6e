#include "learn/map_gradient.h"

#include "base/outer.h"
#include "maps/project.h"

static map_gradient_function *const table[] = {
    [LA_MAP_ELU] = elu_gradient,
    [LA_MAP_RELU] = relu_gradient,
    [LA_MAP_IDENTITY] = identity_gradient,
    [LA_MAP_FAVOR] = favor_gradient,
    [LA_MAP_RFF] = rff_gradient,
    [LA_MAP_DPFP] = dpfp_gradient,
    [LA_MAP_TAYLOR] = taylor_gradient,
    [LA_MAP_HEDGEHOG] = hedgehog_gradient,
    [LA_MAP_LEARNED] = learned_gradient,
    [LA_MAP_COSFORMER] = cosformer_gradient,
};

int map_has_gradient(const la_feature_map *map) {
  size_t kind = (size_t)map->kind;
  return kind < sizeof table / sizeof *table && table[kind];
}

void apply_map_gradient(const map_gradient *g) {
  int fills = g->dx && g->is_first && !map_find(g->map)->elementwise;
  for (size_t r = 0; fills && r < g->rows; r++) zero_floats(g->dx + r * g->dx_stride, (size_t)g->map->dim);
  table[g->map->kind](g);
}

size_t map_columns(const la_feature_map *map) {
  const map_entry *entry = map_find(map);
  return entry->columns ? (size_t)entry->columns(map) : 0;
}

void transpose_weights(const la_feature_map *map, int as_key, size_t number, float *out) {
  size_t d = (size_t)map->dim, columns = map_columns(map), row = weights_row(map);
  const float *panels = as_key ? map->key_weights : map->query_weights;
  if (panels) panels += number * packed_floats(d, columns);
  zero_floats(out, columns * row);
  for (size_t c = 0; c < columns; c++)
    for (size_t i = 0; i < d; i++) out[c * row + i] = panels ? panels[c / 8 * 8 * d + i * 8 + c % 8] : i == c ? 1.0f : 0.0f;
}

void point_at_sums(map_gradient *g, const item_sums *sums, int as_key, size_t number) {
  float *weights = as_key ? sums->at.key_weights : sums->at.query_weights, *bias = as_key ? sums->at.key_bias : sums->at.query_bias;
  size_t columns = round_up(map_columns(g->map), 8), head = number - (as_key ? sums->first_key : sums->first_query);
  g->d_weights = weights ? weights + head * columns * (size_t)g->map->dim : NULL;
  g->d_bias = bias ? bias + head * columns : NULL;
}

/* dx += y·Wᵀ, in tiles that are cut to the rows and columns there are. */
static void inputs_gradient(const map_gradient *g, size_t columns) {
  size_t d = (size_t)g->map->dim, row = weights_row(g->map), stride = y_stride(columns);
  for (size_t r = 0; r < g->rows; r += 4) {
    for (size_t i = 0; i < d; i += 8) {
      float tile[4 * 8];
      tile_store(tile, 8, tile_outer(tile_zero(), columns, g->y + r * stride, stride, 1, g->transposed + i, row));
      for (size_t u = 0; u < smaller(4, g->rows - r); u++) add_to(g->dx + (r + u) * g->dx_stride + i, tile + 8 * u, smaller(8, d - i));
    }
  }
}

/* d_weights += xᵀ·y. */
static void products_gradient(const map_gradient *g, size_t columns) {
  size_t d = (size_t)g->map->dim, stride = y_stride(columns), row = round_up(columns, 8);
  for (size_t i = 0; i < d; i += 4) {
    float last[GRADIENT_ROWS * 4];
    const float *x = g->x + i;
    size_t x_stride = g->x_stride;
    if (d - i < 4) {
      copy_rows(last, 4, x, x_stride, g->rows, d - i);
      x = last;
      x_stride = 4;
    }
    for (size_t c = 0; c < columns; c += 8) {
      float *out = g->d_weights + i * row + c;
      tile4x8 sum = tile_outer(tile_zero(), g->rows, x, 1, x_stride, g->y + c, stride);
      for (size_t k = 0; k < smaller(4, d - i); k++)
        for (size_t h = 0; h < 2; h++) v4_store(out + k * row + 4 * h, v4_add(v4_load(out + k * row + 4 * h), sum.row[k][h]));
    }
  }
}

void affine_gradient(const map_gradient *g, size_t columns) {
  size_t stride = y_stride(columns);
  for (size_t r = g->rows; r < round_up(g->rows, 4); r++) zero_floats(g->y + r * stride, stride);
  if (g->dx) inputs_gradient(g, columns);
  if (g->d_weights) products_gradient(g, columns);
  for (size_t r = 0; g->d_bias && r < g->rows; r++) add_to(g->d_bias, g->y + r * stride, columns);
}
