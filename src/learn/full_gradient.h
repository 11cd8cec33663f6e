#ifndef LA_FULL_GRADIENT_H
#define LA_FULL_GRADIENT_H

#include "learn/stream.h"

/* A stream that is not causal: keys into S, queries against S and into R, keys against R. Nothing is kept a token. */
void full_gradient(gradient_stream *s);

#endif
