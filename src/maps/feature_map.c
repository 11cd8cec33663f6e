/* The table of feature maps and what the public interface makes of it. */
#include "maps/feature_map.h"

#include <math.h>

#include "base/exp.h"
#include "base/scratch.h"
#include "base/span.h"
#include "maps/project.h"

static int has_only(const la_feature_map *map, int32_t options) { return (map->options & ~options) == 0; }
static int is_plain(const la_feature_map *map) { return has_only(map, 0) && map->size == 0 && map->epsilon == 0.0f; }

static int32_t dim_features(const la_feature_map *map) { return is_plain(map) ? map->dim : 0; }

static int32_t favor_features(const la_feature_map *map) {
  if (!has_only(map, LA_MAP_HYPERBOLIC | LA_MAP_NO_NORM_TERM) || !(map->epsilon >= 0.0f) || isinf(map->epsilon)) return 0;
  return map->options & LA_MAP_HYPERBOLIC && map->size % 2 != 0 ? 0 : map->size;
}

static int32_t favor_columns(const la_feature_map *map) { return map->options & LA_MAP_HYPERBOLIC ? map->size / 2 : map->size; }

static int32_t rff_features(const la_feature_map *map) {
  return has_only(map, LA_MAP_GAUSSIAN) && map->epsilon == 0.0f && map->size % 2 == 0 ? map->size : 0;
}

static int32_t rff_columns(const la_feature_map *map) { return map->size / 2; }

/* ν below 2·dim: a roll by 2·dim is none. */
static int32_t dpfp_features(const la_feature_map *map) {
  return has_only(map, 0) && map->epsilon == 0.0f && map->size > 0 && map->size < 2 * map->dim ? 2 * map->dim * map->size : 0;
}

static int32_t taylor_features(const la_feature_map *map) { return is_plain(map) ? 1 + map->dim + map->dim * (map->dim + 1) / 2 : 0; }

static int32_t hedgehog_columns(const la_feature_map *map) { return map->size ? map->size : map->dim; }

static int32_t hedgehog_features(const la_feature_map *map) {
  int is_valid = has_only(map, LA_MAP_JOINT) && map->size >= 0 && map->size <= LA_MAX_FEATURES / 2 && map->epsilon == 0.0f;
  return is_valid ? 2 * hedgehog_columns(map) : 0;
}

static int32_t learned_features(const la_feature_map *map) { return has_only(map, LA_MAP_EXP) && map->epsilon == 0.0f ? map->size : 0; }

static int32_t cosformer_features(const la_feature_map *map) {
  return has_only(map, 0) && map->epsilon == 0.0f && map->size > 0 ? 2 * map->dim : 0;
}

static const map_entry table[] = {
    [LA_MAP_ELU] = {.features = dim_features, .apply = apply_elu, .elementwise = 1},
    [LA_MAP_RELU] = {.features = dim_features, .apply = apply_relu, .elementwise = 1},
    [LA_MAP_IDENTITY] = {.features = dim_features, .apply = apply_identity, .elementwise = 1},
    [LA_MAP_FAVOR] = {.features = favor_features, .apply = apply_favor, .scaled = 1, .columns = favor_columns, .needs_weights = 1, .random = 1},
    [LA_MAP_RFF] = {.features = rff_features, .apply = apply_rff, .scaled = 1, .columns = rff_columns, .needs_weights = 1, .random = 1},
    [LA_MAP_DPFP] = {.features = dpfp_features, .apply = apply_dpfp},
    [LA_MAP_TAYLOR] = {.features = taylor_features, .apply = apply_taylor},
    [LA_MAP_HEDGEHOG] = {.features = hedgehog_features, .apply = apply_hedgehog, .columns = hedgehog_columns},
    [LA_MAP_LEARNED] = {.features = learned_features, .apply = apply_learned, .columns = learned_features, .needs_weights = 1},
    [LA_MAP_COSFORMER] = {.features = cosformer_features, .apply = apply_cosformer},
};

/* LA_MAP_LEARNED with LA_MAP_EXP. */
static const map_entry learned_exp = {.features = learned_features, .apply = apply_learned_exp, .scaled = 1, .columns = learned_features, .needs_weights = 1};

/* The map's row when its sizes and options are valid, weights aside. */
static const map_entry *find_sizes(const la_feature_map *map) {
  if (!map || map->kind < 0 || map->kind >= (int32_t)(sizeof table / sizeof *table)) return NULL;
  if (map->dim < 1 || map->dim > LA_MAX_DIM || map->query_heads < 1 || map->key_heads < 1) return NULL;
  const map_entry *entry = map->kind == LA_MAP_LEARNED && map->options & LA_MAP_EXP ? &learned_exp : &table[map->kind];
  int32_t features = entry->features(map);
  return features > 0 && features <= LA_MAX_FEATURES ? entry : NULL;
}

const map_entry *map_find(const la_feature_map *map) {
  const map_entry *entry = find_sizes(map);
  int needs_weights = entry && entry->columns && (entry->needs_weights || entry->columns(map) != map->dim);
  return needs_weights && (!map->query_weights || !map->key_weights) ? NULL : entry;
}

la_feature_map map_of_head(const la_feature_map *map, size_t query_head, size_t query_heads, size_t key_head, size_t key_heads) {
  la_feature_map one = *map;
  const map_entry *entry = map_find(map);
  one.query_heads = one.key_heads = 1;
  if (!entry->columns) return one;
  size_t columns = (size_t)entry->columns(map), packed = packed_floats((size_t)map->dim, columns);
  size_t q = weights_of_head(query_head, query_heads, map->query_heads), k = weights_of_head(key_head, key_heads, map->key_heads);
  if (one.query_weights) one.query_weights += q * packed;
  if (one.key_weights) one.key_weights += k * packed;
  if (one.query_bias) one.query_bias += q * columns;
  if (one.key_bias) one.key_bias += k * columns;
  return one;
}

float map_key_floor(const la_feature_map *map) { return map->epsilon > 0.0f ? map->epsilon / sqrtf((float)map->size) : 0.0f; }

int32_t la_feature_map_features(const la_feature_map *map) {
  const map_entry *entry = find_sizes(map);
  return entry ? entry->features(map) : 0;
}

/* x·exp(exponent), in four steps so that no factor overflows where the product does not; NaN where the exponent is. */
static void scale_by_exp(float *x, size_t n, float exponent) {
  float factor = v4_lane0(v4_exp(v4_splat(-smaller_float(87.0f, fabsf(exponent) / 4.0f))));
  for (int part = 0; part < 4; part++)
    for (size_t i = 0; i < n; i++) x[i] = exponent > 0.0f ? x[i] / factor : x[i] * factor;
}

/* Makes φ of what a scaled map wrote. */
static void finish_scaled(const la_feature_map *map, int as_key, size_t rows, size_t features, float *out, const float *exponents) {
  float floor = map_key_floor(map), most = span_max(exponents, rows, 1.0f);
  if (floor > 0.0f && !as_key) return;
  for (size_t r = 0; r < rows; r++, out += features) {
    scale_by_exp(out, features, floor > 0.0f ? exponents[r] - most : exponents[r]);
    for (size_t i = 0; floor > 0.0f && i < features; i++) out[i] += floor;
  }
}

int32_t la_feature_map_apply(const la_feature_map *map, int32_t head, int32_t position, int32_t as_key, int32_t rows, const float *x, float *out) {
  const map_entry *entry = map_find(map);
  if (!entry || position < 0 || rows < 0 || (rows > 0 && (!x || !out))) return LA_INVALID_ARGUMENT;
  if (head < 0 || head >= (as_key ? map->key_heads : map->query_heads)) return LA_INVALID_ARGUMENT;
  size_t n = (size_t)rows, features = (size_t)entry->features(map);
  float *exponents = entry->scaled ? alloc_floats(n) : NULL;
  if (entry->scaled && !exponents) return LA_OUT_OF_MEMORY;
  entry->apply(map, (map_rows){x, out, n, (size_t)map->dim, features, (size_t)head, (size_t)position, as_key, exponents});
  if (entry->scaled) finish_scaled(map, as_key, n, features, out, exponents);
  la_free(exponents);
  return LA_OK;
}

int32_t la_feature_map_packed(const la_feature_map *map) {
  const map_entry *entry = find_sizes(map);
  return entry && entry->columns ? (int32_t)packed_floats((size_t)map->dim, (size_t)entry->columns(map)) : 0;
}

int32_t la_feature_map_pack(const la_feature_map *map, int32_t heads, const float *weights, float *out) {
  const map_entry *entry = find_sizes(map);
  if (!entry || !entry->columns || heads < 1 || !weights || !out) return LA_INVALID_ARGUMENT;
  size_t d = (size_t)map->dim, columns = (size_t)entry->columns(map);
  size_t row = entry->random ? 1 : columns, column = entry->random ? d : 1; /* strides of W[i][c] */
  double temperature = entry->random ? 1.0 / sqrt(sqrt((double)d)) : 1.0;
  for (int32_t h = 0; h < heads; h++, weights += d * columns) {
    for (size_t first = 0; first < columns; first += 8)
      for (size_t i = 0; i < d; i++)
        for (size_t c = first; c < first + 8; c++) *out++ = c < columns ? (float)(weights[i * row + c * column] * temperature) : 0.0f;
  }
  return LA_OK;
}
