#include "choices.h"

#include <math.h>
#include <stdlib.h>

int32_t choose_length(input *in) {
  static const int32_t common[] = {1, 2, 3, 0, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65}, rare[] = {127, 128, 129, 193, 256, 257, 300, 2049};
  return rarely(in, 5) ? CHOOSE_FROM(in, rare) : CHOOSE_FROM(in, common);
}

int32_t choose_width(input *in, int32_t most) {
  static const int32_t common[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 18, 24, 31, 32, 33}, rare[] = {40, 63, 64, 65, 100, 128, 255, 256, 257, 300, 1024, 8192};
  int32_t width = rarely(in, 6) ? CHOOSE_FROM(in, rare) : CHOOSE_FROM(in, common);
  return width < most ? width : most;
}

void choose_values(input *in, float *values, size_t count) {
  static const float magnitudes[] = {1.0f, 1.0f, 0.1f, 3.0f, 10.0f, 0.0f, 1e-3f, 100.0f, 1e5f, 1e-20f, 1e20f, 1e38f};
  static const float specials[] = {0.0f, -0.0f, 1e-40f, -1e-40f, 3.4e38f, -3.4e38f, 88.0f, -88.0f, 1e-38f, 120.0f};
  float magnitude = CHOOSE_FROM(in, magnitudes);
  uint64_t seed = choose(in, 65536);
  for (size_t i = 0; i < count; i++) values[i] = random_signed(&seed) * magnitude;
  if (!rarely(in, 6)) return;
  for (size_t i = 0; i < count; i++)
    if (random_bits(&seed) % 8 == 0) values[i] = specials[random_bits(&seed) % (sizeof specials / sizeof *specials)];
}

void choose_between(input *in, float *values, size_t count, float low, float high) {
  uint64_t seed = choose(in, 65536);
  for (size_t i = 0; i < count; i++) values[i] = low + (high - low) * (0.5f + 0.5f * random_signed(&seed));
}

size_t weight_columns(const la_feature_map *map) {
  if (map->kind == LA_MAP_FAVOR) return (size_t)(map->options & LA_MAP_HYPERBOLIC ? map->size / 2 : map->size);
  if (map->kind == LA_MAP_RFF) return (size_t)map->size / 2;
  if (map->kind == LA_MAP_HEDGEHOG) return (size_t)(map->size ? map->size : map->dim);
  return map->kind == LA_MAP_LEARNED ? (size_t)map->size : 0;
}

static void choose_sizes(input *in, la_feature_map *map, int32_t most) {
  int32_t d = map->dim, half = most / 2 < 1 ? 1 : most / 2;
  if (map->kind == LA_MAP_FAVOR) {
    static const int32_t options[] = {0, 0, LA_MAP_HYPERBOLIC, LA_MAP_NO_NORM_TERM, LA_MAP_HYPERBOLIC | LA_MAP_NO_NORM_TERM};
    static const float epsilons[] = {0.0f, 0.0f, 1e-4f, 0.5f};
    map->options = CHOOSE_FROM(in, options);
    map->size = map->options & LA_MAP_HYPERBOLIC ? 2 * choose_width(in, half) : choose_width(in, most);
    map->epsilon = CHOOSE_FROM(in, epsilons);
  } else if (map->kind == LA_MAP_RFF) {
    map->options = rarely(in, 3) ? LA_MAP_GAUSSIAN : 0;
    map->size = 2 * choose_width(in, half);
  } else if (map->kind == LA_MAP_DPFP) {
    int32_t rolls = 2 * d - 1 < 4 ? 2 * d - 1 : 4;
    map->size = 1 + (int32_t)choose(in, (uint32_t)rolls);
  } else if (map->kind == LA_MAP_HEDGEHOG) {
    map->options = rarely(in, 3) ? LA_MAP_JOINT : 0;
    map->size = rarely(in, 2) ? choose_width(in, half) : 0;
  } else if (map->kind == LA_MAP_LEARNED) {
    map->options = rarely(in, 2) ? LA_MAP_EXP : 0;
    map->size = choose_width(in, most);
  } else if (map->kind == LA_MAP_COSFORMER) {
    map->size = 1 + (int32_t)choose(in, 300);
  }
}

static void one_role(input *in, call *k, const la_feature_map *map, const char *name, const float **place, int32_t heads) {
  size_t raw = (size_t)heads * (size_t)map->dim * weight_columns(map);
  float *weights = malloc((raw + 1) * sizeof *weights);
  choose_between(in, weights, raw, -1.5f, 1.5f);
  size_t packed = (size_t)scalar_core.la_feature_map_packed(map);
  float *values = add_field(k, (field){.name = name, .place = place, .size = {1, 1, 1, (size_t)heads * packed}});
  if (scalar_core.la_feature_map_pack(map, heads, weights, values) != LA_OK) fail(k->name, "weights are refused");
  free(weights);
}

void add_input_rows(input *in, call *k, const char *name, la_array *place, row_size size, int calm) {
  field f = {.name = name, .kind = ARRAY, .place = place, .size = {size.batch, size.heads, size.rows, size.width}};
  float *values = add_field(k, f);
  if (calm) choose_between(in, values, field_words(&f), -1.0f, 1.0f);
  else choose_values(in, values, field_words(&f));
}

void choose_map(input *in, call *k, la_feature_map *map, int32_t dim, int32_t most) { choose_map_of(in, k, map, (int32_t)choose(in, 10), dim, most); }

void choose_map_of(input *in, call *k, la_feature_map *map, int32_t kind, int32_t dim, int32_t most) {
  *map = (la_feature_map){.kind = kind, .dim = dim, .query_heads = 1, .key_heads = 1};
  choose_sizes(in, map, most);
  int32_t features = scalar_core.la_feature_map_features(map);
  int too_large = features > most || (map->kind == LA_MAP_TAYLOR && dim > 300); /* whose features are beyond LA_MAX_FEATURES */
  if (features < 1 && !too_large) fail(k->name, "map %d of %d features is refused", map->kind, map->size);
  if (too_large) *map = (la_feature_map){.kind = LA_MAP_ELU, .dim = dim, .query_heads = 1, .key_heads = 1};
  size_t columns = weight_columns(map);
  if (columns == 0) return;
  map->query_heads = 1 + (int32_t)choose(in, 3);
  map->key_heads = 1 + (int32_t)choose(in, 3);
  if (map->kind != LA_MAP_HEDGEHOG || columns != (size_t)map->dim || !rarely(in, 3)) {
    one_role(in, k, map, "query weights", &map->query_weights, map->query_heads);
    one_role(in, k, map, "key weights", &map->key_weights, map->key_heads);
  }
  if (map->kind != LA_MAP_FAVOR && map->kind != LA_MAP_RFF && rarely(in, 2)) {
    size_t q = (size_t)map->query_heads * columns, kk = (size_t)map->key_heads * columns;
    choose_between(in, add_field(k, (field){.name = "query bias", .place = &map->query_bias, .size = {1, 1, 1, q}}), q, -1.0f, 1.0f);
    choose_between(in, add_field(k, (field){.name = "key bias", .place = &map->key_bias, .size = {1, 1, 1, kk}}), kk, -1.0f, 1.0f);
  }
}
