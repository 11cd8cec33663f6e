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

/* Runs items first … first + count − 1. LA_OK when every one is done; LA_THREAD_FAILED when a worker trapped or was lost. */
int32_t in_parallel(size_t slots, size_t first, size_t count, parallel_body body, void *call);

/* How many items of the next job may wait for one another: threads that have just shown up, which take items in order. */
size_t parallel_crew(size_t slots);

/* For a body on `slot`, with every block that it works on: a second without is long, ten are taken for the thread's loss. */
void show_life(size_t slot);

/* For such items. All that a thread wrote before set_count is there for who has seen the count. */
void set_count(int32_t *counter, int32_t count);

/* Waits, in a body on `slot`, until the counter is `least` or more; 0 when a worker trapped or was lost instead. */
int await_count(const int32_t *counter, int32_t least, size_t slot);

#else

static inline size_t parallel_slots(uint64_t multiply_adds) {
  (void)multiply_adds;
  return 1;
}

static inline int32_t in_parallel(size_t slots, size_t first, size_t count, parallel_body body, void *call) {
  (void)slots;
  for (size_t item = 0; item < count; item++) body(call, 0, first + item);
  return LA_OK;
}

static inline size_t parallel_crew(size_t slots) { return slots; }
static inline void show_life(size_t slot) { (void)slot; }
static inline void set_count(int32_t *counter, int32_t count) { *counter = count; }
static inline int await_count(const int32_t *counter, int32_t least, size_t slot) {
  (void)slot;
  return *counter >= least;
}

#endif

/* Whether so many equal items keep nine tenths of the slots busy. */
static inline int fills_slots(uint64_t items, size_t slots) { return 10 * items >= 9 * ((items + slots - 1) / slots * slots); }

#endif
