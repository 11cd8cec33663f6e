#include "heap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* la_alloc rounds up to the next multiple of 64 after 16 bytes: a block that starts here leaves one byte of slack at its end,
 * so that the address sanitizer sees the first float beyond it. */
enum { CACHE_LINE = 64, SKEW = 49 };

static struct {
  heap_fill fill;
  long failing, allocations;
} heap = {FILL_NAN, -1, 0};

void heap_prepare(heap_fill fill, long failing) {
  heap.fill = fill;
  heap.failing = failing;
  heap.allocations = 0;
}

long heap_allocations(void) { return heap.allocations; }

void *core_malloc(size_t bytes) {
  void *block;
  if (heap.allocations++ == heap.failing || bytes > ((size_t)1 << 30) || posix_memalign(&block, CACHE_LINE, bytes + SKEW) != 0) return NULL;
  char *start = (char *)block + SKEW;
  if (!NATIVE_MSAN) memset(start, heap.fill == FILL_NAN ? 0xff : 0, bytes);
  return start;
}

void core_free(void *pointer) {
  if (pointer) free((char *)pointer - SKEW);
}
