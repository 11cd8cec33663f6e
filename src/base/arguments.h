/* What the arguments of calls have in common: where their arrays lie, and whether their sizes are valid. */
#ifndef LA_ARGUMENTS_H
#define LA_ARGUMENTS_H

#include "linear_attention.h"

static inline float *array_at(la_array a, size_t batch, size_t head, size_t row) {
  return a.data + batch * a.batch + head * a.head + row * a.row;
}

/* Leading keys of this batch that count. */
static inline size_t keys_in(const int32_t *key_lengths, size_t batch, size_t n_k) {
  return key_lengths ? (size_t)key_lengths[batch] : n_k;
}

static inline int sizes_are_valid(int32_t batch, int32_t heads, int32_t kv_heads, int32_t n_q, int32_t n_k, int32_t dim, int32_t value_dim) {
  if (batch < 0 || heads < 0 || kv_heads < 1 || heads % kv_heads != 0 || n_q < 0 || n_k < 0) return 0;
  return dim >= 1 && dim <= LA_MAX_DIM && value_dim >= 1 && value_dim <= LA_MAX_VALUE_DIM;
}

static inline int key_lengths_are_valid(const int32_t *key_lengths, int32_t batch, int32_t n_k) {
  for (int32_t b = 0; key_lengths && b < batch; b++)
    if (key_lengths[b] < 0 || key_lengths[b] > n_k) return 0;
  return 1;
}

/* How many of a call's `items` its fields first and count ask for: those from first on. */
static inline size_t items_asked(uint32_t first, uint32_t count, size_t items) {
  if (count == 0) return items;
  size_t left = items > first ? items - first : 0;
  return left < count ? left : count;
}

#endif
