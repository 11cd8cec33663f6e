/* Features in rows, at the exponent of the head's state, and what results are multiplied by. */
#ifndef LA_EXPONENTS_H
#define LA_EXPONENTS_H

#include "linear/panels.h"

/* φ of `count` tokens' keys from t, as the map gives them. Changes the state's exponent, or its powers, for the first of
 * them, and adds to p->due what S and z, which must be settled before the keys are added, then have to be multiplied by.
 * Returns up to which token nothing more changes. */
size_t take_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t state_head, size_t t, size_t count, int *changed);

/* Brings the first `count` of them to the state's exponent or powers. */
void bring_keys(const linear_call *call, feature_rows f, const panel_state *p, size_t count);

/* φ of queries, after the keys that they see. */
void map_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t batch, size_t head, size_t t, size_t count);

/* What Sᵀφ(k), both as they are kept, is multiplied by twice to be that of the plain ones. */
float recall_factor(const linear_call *call, const panel_state *p);

/* For maps whose epsilon is relative to the largest exponent of all keys of the call: takes it on before the first. */
void settle_exponent(const linear_call *call, feature_rows f, size_t block, panel_state *p, size_t slot, size_t batch, size_t state_head);

/* What multiplies Sᵀφ(q), given φ(q)·z as the state has it; 0 where nothing was seen, or all of it underflowed, and eps is 0. */
float output_factor(const linear_call *call, float q_dot_z, float exponent, float query_exponent);

#endif
