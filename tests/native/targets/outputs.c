#include "outputs.h"

uint64_t choose_wanted(input *in) { return rarely(in, 2) ? choose(in, 65536) : UINT64_MAX; }

void add_output(call *k, uint64_t *wanted, field f) {
  int is_wanted = (int)(*wanted & 1);
  *wanted >>= 1;
  f.role = WRITTEN;
  if (is_wanted) add_field(k, f);
}

void add_weight_gradients(call *k, uint64_t *wanted, const la_feature_map *map, la_map_gradient *out) {
  if (map->kind != LA_MAP_HEDGEHOG && map->kind != LA_MAP_LEARNED) return;
  size_t columns = weight_columns(map), dim = (size_t)map->dim;
  struct {
    const char *name;
    float **place;
    size_t heads, rows;
  } outputs[] = {{"d query weights", &out->query_weights, (size_t)map->query_heads, dim}, {"d query bias", &out->query_bias, (size_t)map->query_heads, 1},
                 {"d key weights", &out->key_weights, (size_t)map->key_heads, dim}, {"d key bias", &out->key_bias, (size_t)map->key_heads, 1}};
  for (size_t i = 0; i < 4; i++) add_output(k, wanted, (field){.name = outputs[i].name, .place = outputs[i].place, .size = {1, outputs[i].heads, outputs[i].rows, columns}});
}
