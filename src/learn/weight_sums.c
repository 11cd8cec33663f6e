#include "learn/weight_sums.h"

#include "base/rows.h"
#include "base/scratch.h"
#include "learn/map_gradient.h"

/* An item's floats: weights and bias of its query heads, then of its key heads. */
static float *part_of(const weight_sums *w, size_t item, int key, int bias) {
  size_t d = (size_t)w->map->dim, one = (d + 1) * w->padded;
  float *at = w->all + item * w->floats + (key ? w->query_heads * one : 0);
  return at + (bias ? (key ? w->key_heads : w->query_heads) * d * w->padded : 0);
}

int32_t weight_sums_start(weight_sums *w, const la_feature_map *map, const la_map_gradient *out, size_t sets, size_t items, size_t q_heads, size_t k_heads) {
  size_t query = (size_t)map->query_heads, key = (size_t)map->key_heads;
  *w = (weight_sums){.map = map, .out = out, .sets = sets, .items = items, .q_heads = q_heads, .k_heads = k_heads, .columns = map_columns(map)};
  w->query_heads = query > sets ? query / sets : 1;
  w->key_heads = key > sets ? key / sets : 1;
  w->padded = round_up(w->columns, 8);
  w->floats = (w->query_heads + w->key_heads) * ((size_t)map->dim + 1) * w->padded;
  if (!out->query_weights && !out->query_bias && !out->key_weights && !out->key_bias) return LA_OK;
  w->all = alloc_floats((uint64_t)items * w->floats);
  if (!w->all) return LA_OUT_OF_MEMORY;
  zero_floats(w->all, items * w->floats);
  return LA_OK;
}

item_sums weight_sums_of(const weight_sums *w, size_t item, size_t q_head, size_t k_head) {
  item_sums s = {.first_query = weights_of_head(q_head, w->q_heads, w->map->query_heads), .first_key = weights_of_head(k_head, w->k_heads, w->map->key_heads)};
  if (!w->all) return s;
  if (w->out->query_weights) s.at.query_weights = part_of(w, item, 0, 0);
  if (w->out->query_bias) s.at.query_bias = part_of(w, item, 0, 1);
  if (w->out->key_weights) s.at.key_weights = part_of(w, item, 1, 0);
  if (w->out->key_bias) s.at.key_bias = part_of(w, item, 1, 1);
  return s;
}

/* Adds up over the items what belongs to one head of the map. `sets` of them share the heads of a batch. */
static void sum_out(const weight_sums *w, float *out, int key, int bias) {
  size_t heads = (size_t)(key ? w->map->key_heads : w->map->query_heads), own = key ? w->key_heads : w->query_heads;
  size_t rows = bias ? 1 : (size_t)w->map->dim;
  for (size_t h = 0; out && h < heads; h++) {
    float *to = out + h * rows * w->columns;
    zero_floats(to, rows * w->columns);
    for (size_t item = 0; item < w->items; item++) {
      if (heads > 1 && h / own != item % w->sets) continue;
      const float *part = part_of(w, item, key, bias) + h % own * rows * w->padded;
      for (size_t i = 0; i < rows; i++) add_to(to + i * w->columns, part + i * w->padded, w->columns);
    }
  }
}

void weight_sums_end(weight_sums *w, int well) {
  if (w->all && well) {
    sum_out(w, w->out->query_weights, 0, 0);
    sum_out(w, w->out->query_bias, 0, 1);
    sum_out(w, w->out->key_weights, 1, 0);
    sum_out(w, w->out->key_bias, 1, 1);
  }
  la_free(w->all);
  w->all = NULL;
}
