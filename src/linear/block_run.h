/* A block of tokens on one panel of S. */
#ifndef LA_BLOCK_RUN_H
#define LA_BLOCK_RUN_H

#include "linear/recurrence.h"
#include "linear/call.h"

/* Row u of its values and results is at + u·stride. */
typedef struct {
  const linear_call *call;
  size_t tokens;
  recurrence r; /* of the first two */
  size_t v_stride, out_stride;
  float *spare; /* [16]: zeros, the value beside an odd last token, and where its result goes */
} block_run;

void run_block(block_run *run);

#endif
