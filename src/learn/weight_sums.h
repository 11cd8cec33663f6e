/* Gradients of a map's weights, which items of a call add up each for itself, and which are then added in the items' order. */
#ifndef LA_WEIGHT_SUMS_H
#define LA_WEIGHT_SUMS_H

#include "learn.h"
#include "maps/feature_map.h"

/* Where one item adds to: [its heads][dim][columns up to whole panels], [its heads][those columns]; NULL: not wanted. */
typedef struct {
  la_map_gradient at;
  size_t first_query, first_key; /* the numbers of the first of its heads */
} item_sums;

typedef struct {
  const la_feature_map *map;
  const la_map_gradient *out;
  size_t sets, items;
  size_t query_heads, key_heads; /* of the map that an item has */
  size_t columns, padded;        /* of W, and up to whole panels */
  size_t floats;                 /* of an item */
  float *all;                    /* [items][floats]; NULL where no gradient is wanted */
  size_t q_heads, k_heads;       /* of the call */
} weight_sums;

/* Memory, all of it 0. LA_OK or LA_OUT_OF_MEMORY. */
int32_t weight_sums_start(weight_sums *w, const la_feature_map *map, const la_map_gradient *out, size_t sets, size_t items, size_t q_heads, size_t k_heads);

/* Of an item whose first heads of q and k are these. */
item_sums weight_sums_of(const weight_sums *w, size_t item, size_t q_head, size_t k_head);

/* Writes the sums out, where the call went well, and frees. */
void weight_sums_end(weight_sums *w, int well);

#endif
