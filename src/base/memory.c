/* Allocation with a count of the bytes in use, so that a leak shows in one number. */
#include <stdlib.h>

#include "linear_attention.h"

enum { HEADER = 16, ALIGNMENT = 64 }; /* a cache line: threads that write neighbouring arrays do not wait for each other */

static size_t used;

/* emmalloc adds sizes to addresses in 32 bits: near 4 GB it may take a small free block for one that is large enough. */
static int is_beyond_memory(uintptr_t block, size_t bytes) {
#ifdef __wasm__
  return (uint64_t)block + bytes > (uint64_t)__builtin_wasm_memory_size(0) * 65536;
#else
  (void)block, (void)bytes;
  return 0;
#endif
}

#ifdef LA_FAIL_ALLOC
/* For the tests alone: the allocation after `count` others fails, once. Returns what was left of the last count, -1 when it had failed. */
static int32_t allocations_left = -1;

int32_t LA_API(la_fail_alloc)(int32_t count);

int32_t la_fail_alloc(int32_t count) {
  int32_t left = allocations_left;
  allocations_left = count;
  return left;
}

static int must_fail(void) { return allocations_left >= 0 && allocations_left-- == 0; }
#else
static int must_fail(void) { return 0; }
#endif

void *la_alloc(size_t bytes) {
  if (must_fail()) return NULL;
  if (bytes > SIZE_MAX - HEADER - ALIGNMENT) return NULL;
  char *block = malloc(bytes + HEADER + ALIGNMENT);
  if (!block) return NULL;
  if (is_beyond_memory((uintptr_t)block, bytes + HEADER + ALIGNMENT)) {
    free(block);
    return NULL;
  }
  size_t shift = HEADER + (size_t)(-((uintptr_t)block + HEADER)) % ALIGNMENT;
  char *pointer = block + shift;
  ((size_t *)pointer)[-1] = bytes;
  ((size_t *)pointer)[-2] = shift;
  used += bytes;
  return pointer;
}

void la_free(void *pointer) {
  if (!pointer) return;
  used -= ((size_t *)pointer)[-1];
  free((char *)pointer - ((size_t *)pointer)[-2]);
}

size_t la_memory_used(void) { return used; }

int32_t la_build(void) {
#if defined(__wasm_relaxed_simd__)
  return 2;
#elif defined(__wasm_simd128__)
  return 1;
#else
  return 0;
#endif
}
