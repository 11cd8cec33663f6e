/* States of linear attention: choices of them, and what they hold. */
#ifndef NATIVE_KEPT_H
#define NATIVE_KEPT_H

#include "choices.h"

/* Fills `heads` states: with what la_state_write writes, or, where it is forged, with words of any kind. */
void choose_states(input *in, float *state, size_t heads, size_t features, size_t value_dim, int is_scaled, int forged);

/* S and z of states, their exponents applied, into [heads][features][value_dim] and [heads][features]. */
void read_states(const core *c, float *state, size_t heads, size_t features, size_t value_dim, double *s, double *z);

#endif
