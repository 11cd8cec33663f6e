/* Scratch memory of a call: one allocation, cut into arrays. */
#ifndef LA_SCRATCH_H
#define LA_SCRATCH_H

#include "linear_attention.h"

/* Points arrays[i] at sizes[i] floats each, one after the other from base (when given); returns the floats in all.
 * 64-bit, because on wasm32 the scratch of a call may be more than can be addressed. */
static inline uint64_t carve(float *base, float **arrays[], const uint64_t sizes[], size_t count) {
  uint64_t total = 0;
  for (size_t i = 0; i < count; i++) {
    if (base) *arrays[i] = base + total;
    total += (sizes[i] + 3) / 4 * 4;
  }
  return total;
}

static inline float *alloc_floats(uint64_t count) { return count > SIZE_MAX / sizeof(float) ? NULL : la_alloc((size_t)count * sizeof(float)); }

#endif
