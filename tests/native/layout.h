/* A field in memory: a block that ends with its last element, filled with a pattern wherever no element is. */
#ifndef NATIVE_LAYOUT_H
#define NATIVE_LAYOUT_H

#include "call.h"

enum { UNWRITTEN = 0x7fc0dead }; /* the pattern: a NaN that no arithmetic makes */

typedef struct {
  uint32_t *block, *data;
  size_t words, stride[4];
} placed;

/* Allocates, fills in and points the arguments at it. */
placed place_field(const field *f, uint64_t *seed);

/* Reads the values back into `values` and frees the block. Words that are no element must hold the pattern still; `done`: the
 * call is complete, and then every element was written. */
void take_field(const call *k, const field *f, placed *p, int done, float *values);

#endif
