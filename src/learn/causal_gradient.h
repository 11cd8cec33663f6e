#ifndef LA_CAUSAL_GRADIENT_H
#define LA_CAUSAL_GRADIENT_H

#include "learn/causal_memory.h"

/* The whole stream. */
void causal_gradient(gradient_stream *s, causal_memory *m);

#endif
