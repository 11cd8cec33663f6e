/* Calls in slices: a part of a call's items at a time, so that a caller can do other things in between. */
#include "threads/parallel.h"

static struct {
  uint32_t first, count, units;
} slice = {.count = UINT32_MAX};

typedef struct {
  parallel_body body;
  void *call;
  size_t first;
} window;

static void run_item(void *context, size_t slot, size_t item) {
  const window *w = context;
  w->body(w->call, slot, w->first + item);
}

int32_t in_slices(size_t slots, size_t units, size_t parts, parallel_body body, void *call) {
  slice.units = (uint32_t)units;
  size_t left = units > slice.first ? units - slice.first : 0;
  window w = {body, call, slice.first * parts};
  return in_parallel(slots, (left < slice.count ? left : slice.count) * parts, run_item, &w);
}

void LA_API(la_slice)(uint32_t first, uint32_t count) {
  slice.first = first;
  slice.count = count;
  slice.units = 0;
}

uint32_t LA_API(la_slice_items)(void) { return slice.units; }
