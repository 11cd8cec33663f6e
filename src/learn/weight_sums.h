/* Gradients of a map's weights, which items of a call add up each for itself, and which are then added in the items' order. */
#ifndef LA_WEIGHT_SUMS_H
#define LA_WEIGHT_SUMS_H

#include "learn/stream.h"

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

/* Where an item whose first heads of q and k are these adds to; NULL where nothing is wanted. */
void weight_sums_of(const weight_sums *w, size_t item, size_t q_head, size_t k_head, gradient_stream *s);

/* Wᵀ of the stream's heads. */
void weight_sums_head(const weight_sums *w, gradient_stream *s);

/* Writes the sums out, where the call went well, and frees. */
void weight_sums_end(weight_sums *w, int well);

#endif
