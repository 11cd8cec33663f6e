/* Linear attention, the state alone: what a whole causal sequence leaves, without its results. */
#ifndef LA_ABSORB_H
#define LA_ABSORB_H

#include "linear/call.h"

/* As la_linear does of causal calls whose out is NULL. LA_OK, LA_THREAD_FAILED, or LA_OUT_OF_MEMORY and nothing is written. */
int32_t linear_absorb(const linear_call *call);

#endif
