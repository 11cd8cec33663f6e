/* The recurrence as its formulas say, one loop, scalar, in float64: what the tuned kernels are compared with. */
#ifndef LA_NAIVE_H
#define LA_NAIVE_H

#include "linear_attention.h"

/* la_linear on a valid call whose state is given apart, s [batch, state_heads, features, value_dim] and z [batch,
 * state_heads, features], read then updated; args->state is not looked at. The tests' alone: allocates, and is slow. */
int32_t linear_naive(const la_linear_args *args, double *s, double *z);

#endif
