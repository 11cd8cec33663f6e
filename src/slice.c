/* Calls in slices: a part of a call's items at a time, so that a caller can do other things in between. */
#include "parallel.h"

static struct {
  uint32_t first, count, items;
} slice = {.count = UINT32_MAX};

typedef struct {
  parallel_body body;
  void *call;
} part;

static void run_item(void *context, size_t slot, size_t item) {
  const part *p = context;
  p->body(p->call, slot, slice.first + item);
}

int32_t in_slices(size_t slots, size_t items, parallel_body body, void *call) {
  slice.items = (uint32_t)items;
  size_t left = items > slice.first ? items - slice.first : 0;
  part p = {body, call};
  return in_parallel(slots, left < slice.count ? left : slice.count, run_item, &p);
}

void LA_API(la_slice)(uint32_t first, uint32_t count) {
  slice.first = first;
  slice.count = count;
  slice.items = 0;
}

uint32_t LA_API(la_slice_items)(void) { return slice.items; }
