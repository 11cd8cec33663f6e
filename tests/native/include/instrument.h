/* Included before every file of the core when it is built natively: its memory comes from heap.c, and its threads sleep
 * and wake by wait.c. */
#ifndef NATIVE_INSTRUMENT_H
#define NATIVE_INSTRUMENT_H

#include <stdint.h>
#include <stdlib.h>

void *core_malloc(size_t bytes);
void core_free(void *pointer);
#define malloc(bytes) core_malloc(bytes)
#define free(pointer) core_free(pointer)

int32_t wait_while(const int32_t *place, int32_t value, int64_t nanoseconds);
int32_t wake_all(const int32_t *place);
#define __builtin_wasm_memory_atomic_wait32(place, value, nanoseconds) wait_while(place, value, nanoseconds)
#define __builtin_wasm_memory_atomic_notify(place, count) wake_all(place)

#endif
