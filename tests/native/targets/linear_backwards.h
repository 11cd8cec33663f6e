/* The gradient of linear attention, in float64 and token by token: every S is kept, and nothing comes in blocks. */
#ifndef NATIVE_LINEAR_BACKWARDS_H
#define NATIVE_LINEAR_BACKWARDS_H

#include "../call.h"

/* Compares the outputs of la_linear_gradient, on a call whose forward arguments lie at k->args and are tame, of a map whose
 * features come from one element each. */
void check_backwards(const call *k, outcome whole);

#endif
