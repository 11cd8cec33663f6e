#include <stdint.h>
#include <string.h>

#include "targets.h"

enum { BLOCKS = 12, ALIGNMENT = 64 };

/* Blocks come and go: aligned, apart from one another, and counted. */
static void check_blocks(input in, const core *c) {
  struct {
    unsigned char *at;
    size_t bytes;
  } blocks[BLOCKS] = {{0}};
  size_t used = c->la_memory_used();
  for (int step = 0; step < 60; step++) {
    uint32_t i = choose(&in, BLOCKS);
    for (size_t n = 0; n < blocks[i].bytes; n++)
      if (blocks[i].at[n] != i) fail("la_alloc", "another block was written over");
    c->la_free(blocks[i].at);
    used -= blocks[i].bytes;
    blocks[i].bytes = choose(&in, 3000);
    heap_prepare(FILL_NAN, rarely(&in, 5) ? 0 : -1);
    blocks[i].at = c->la_alloc(blocks[i].bytes);
    if (!blocks[i].at) blocks[i].bytes = 0;
    else memset(blocks[i].at, (int)i, blocks[i].bytes);
    used += blocks[i].bytes;
    if ((uintptr_t)blocks[i].at % ALIGNMENT != 0) fail("la_alloc", "%p", (void *)blocks[i].at);
    if (c->la_memory_used() != used) fail("la_memory_used", "%zu instead of %zu", c->la_memory_used(), used);
  }
  for (int i = 0; i < BLOCKS; i++) c->la_free(blocks[i].at);
  heap_prepare(FILL_NAN, -1);
  for (size_t less = 0; less < 200; less++)
    if (c->la_alloc(SIZE_MAX - less)) fail("la_alloc", "more than all memory");
}

void target_memory(input *in) {
  check_blocks(*in, &scalar_core);
  check_blocks(*in, &vector_core);
  if (scalar_core.la_build() != 0 || vector_core.la_build() != 1) fail("la_build", "%d and %d", scalar_core.la_build(), vector_core.la_build());
}
