/* One token on a state. */
#ifndef LA_STEP_H
#define LA_STEP_H

#include "linear/call.h"

/* LA_OK or LA_OUT_OF_MEMORY, and then nothing is written. */
int32_t linear_step(const linear_call *call);

#endif
