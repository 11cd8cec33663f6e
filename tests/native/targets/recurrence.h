/* A call of la_linear against the recurrence itself: in float64, and token by token on a state. */
#ifndef NATIVE_RECURRENCE_H
#define NATIVE_RECURRENCE_H

#include "../call.h"

/* Whether sums in another order, in float64 even, are close to each other. */
int linear_is_tame(const la_linear_args *args, const call *k);

/* The results of a call that went well: as linear_naive has them, where `tame`; the sequence in pieces, steps among them,
 * gives the same, and the same bits in plain C and in vectors. `in` chooses the pieces. */
void check_recurrence(input *in, const call *k, outcome whole, int tame);

#endif
