#ifndef LA_CAUSAL_GRADIENT_H
#define LA_CAUSAL_GRADIENT_H

#include "learn/causal_memory.h"
#include "learn/stream.h"

/* The whole stream; what it adds to must be there. */
void causal_gradient(gradient_stream *s, causal_memory *m);

#endif
