/* Not causal: the keys are summed, then the queries answered. */
#ifndef LA_FULL_H
#define LA_FULL_H

#include "linear/call.h"

/* LA_OK, LA_THREAD_FAILED, or LA_OUT_OF_MEMORY, and then nothing is written. */
int32_t linear_full(const linear_call *call);

#endif
