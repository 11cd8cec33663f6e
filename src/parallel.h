/* One body over many items, on every thread of the pool where there is one, else in a loop.
 *
 * A kernel asks for slots, allocates scratch for each before it starts (malloc is not made for threads), and gives
 * each body the scratch of its slot. What an item computes must not depend on its slot or on other items: threads take
 * items as they come free, so that only then every run gives the same bits. */
#ifndef LA_PARALLEL_H
#define LA_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

#include "linear_attention.h"

typedef void (*parallel_body)(void *call, size_t slot, size_t item);

#ifdef __wasm_atomics__

/* How many slots work of this many multiply-adds is worth: 1, or one for each thread. */
size_t parallel_slots(uint64_t multiply_adds);

/* LA_OK when every item is done; LA_THREAD_FAILED when a worker trapped. */
int32_t in_parallel(size_t slots, size_t items, parallel_body body, void *call);

#else

static inline size_t parallel_slots(uint64_t multiply_adds) {
  (void)multiply_adds;
  return 1;
}

static inline int32_t in_parallel(size_t slots, size_t items, parallel_body body, void *call) {
  (void)slots;
  for (size_t item = 0; item < items; item++) body(call, 0, item);
  return LA_OK;
}

#endif

/* For a call's outermost loop: in_parallel over those of the items that la_slice asks for. */
int32_t in_slices(size_t slots, size_t items, parallel_body body, void *call);

#endif
