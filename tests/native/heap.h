/* The memory of the core under test: blocks without slack that hold what is asked for, and fail when asked to. */
#ifndef NATIVE_HEAP_H
#define NATIVE_HEAP_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define NATIVE_MSAN 1
#endif
#endif
#ifndef NATIVE_MSAN
#define NATIVE_MSAN 0
#endif

typedef enum { FILL_NAN, FILL_ZERO } heap_fill;

/* New blocks hold this; under the memory sanitizer nothing, so that it sees what is read before it is written. The
 * allocation numbered `failing` from now on (from 0) gives NULL; −1: none. */
void heap_prepare(heap_fill fill, long failing);

/* Allocations since then. */
long heap_allocations(void);

#endif
