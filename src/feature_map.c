/* The feature maps of design: elementwise ones here, one function and one table row each. */
#include "feature_map.h"

#include "exp.h"
#include "rows.h"

/* x − min(x, 0) is max(x, 0), but NaN at −∞, which would otherwise vanish. */
static inline v4 relu(v4 x) { return v4_sub(x, v4_min(x, v4_splat(0.0f))); }

/* max(x, 0) + exp(min(x, 0)) is x + 1 or exp(x); elu(x) + 1 would lose all digits of exp(x) below −10. */
static inline v4 elu(v4 x) { return v4_add(relu(x), v4_exp(v4_min(x, v4_splat(0.0f)))); }

static inline v4 identity(v4 x) { return x; }

/* Four vectors at a time: the constants of the map are loaded once for all of them. */
static inline void map_each(map_rows m, size_t dim, v4 (*map)(v4)) {
  for (size_t r = 0; r < m.rows; r++) {
    const float *x = m.x + r * m.x_stride;
    float *out = m.out + r * m.out_stride;
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
      v4 f[4];
      for (size_t c = 0; c < 4; c++) f[c] = map(v4_load(x + i + 4 * c));
      for (size_t c = 0; c < 4; c++) v4_store(out + i + 4 * c, f[c]);
    }
    for (; i + 4 <= dim; i += 4) v4_store(out + i, map(v4_load(x + i)));
    if (i < dim) v4_store_part(out + i, map(v4_load_part(x + i, dim - i)), dim - i);
  }
}

static void apply_elu(const la_feature_map *map, map_rows rows) { map_each(rows, (size_t)map->dim, elu); }
static void apply_relu(const la_feature_map *map, map_rows rows) { map_each(rows, (size_t)map->dim, relu); }
static void apply_identity(const la_feature_map *map, map_rows rows) { map_each(rows, (size_t)map->dim, identity); }

static int32_t features_dim(const la_feature_map *map) { return map->dim; }

static const map_entry table[] = {
    [LA_MAP_ELU] = {.features = features_dim, .apply = apply_elu},
    [LA_MAP_RELU] = {.features = features_dim, .apply = apply_relu},
    [LA_MAP_IDENTITY] = {.features = features_dim, .apply = apply_identity},
};

const map_entry *map_find(const la_feature_map *map) {
  if (map->kind < 0 || map->kind >= (int32_t)(sizeof table / sizeof *table)) return NULL;
  if (map->dim < 1 || map->dim > LA_MAX_DIM) return NULL;
  return &table[map->kind];
}

int32_t la_feature_map_features(const la_feature_map *map) {
  const map_entry *entry = map ? map_find(map) : NULL;
  return entry ? entry->features(map) : 0;
}

int32_t la_feature_map_apply(const la_feature_map *map, int32_t rows, const float *x, float *out) {
  const map_entry *entry = map ? map_find(map) : NULL;
  if (!entry || rows < 0 || (rows > 0 && (!x || !out))) return LA_INVALID_ARGUMENT;
  entry->apply(map, (map_rows){.x = x, .out = out, .rows = (size_t)rows, .x_stride = (size_t)map->dim, .out_stride = (size_t)entry->features(map)});
  return LA_OK;
}
