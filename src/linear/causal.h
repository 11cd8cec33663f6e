/* Causal, a whole sequence. */
#ifndef LA_CAUSAL_H
#define LA_CAUSAL_H

#include "linear/call.h"

/* LA_OK, LA_THREAD_FAILED, or LA_OUT_OF_MEMORY, and then nothing is written. */
int32_t linear_causal(const linear_call *call);

#endif
