/* Features in rows, at the exponent of the head's state, and what results are multiplied by. */
#ifndef LA_EXPONENTS_H
#define LA_EXPONENTS_H

#include "linear/state.h"

/* Rows of features, `stride` floats apart, their padding up to d_fp 0. */
typedef struct {
  float *rows;
  size_t stride;
  float *exponents; /* [rows]; of scaled maps only */
} feature_rows;

/* φ of `count` tokens from t. Keys of scaled maps are brought to the head's exponent, which may have to grow: then S
 * and z are rescaled; or to fall. Returns how many tokens are ready: fewer than count where a later key asks for that. */
size_t map_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t kv_head, size_t t, size_t count);
/* After the keys that these queries see. */
void map_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t batch, size_t q_head, size_t t, size_t count);

/* What Sᵀφ(k), both as they are kept, is multiplied by twice to be that of the plain ones. */
float recall_factor(const linear_call *call, const panel_state *p);

/* For maps whose epsilon is relative to the largest exponent of all keys of the call: takes it on before the first. */
void settle_exponent(const linear_call *call, feature_rows f, size_t block, panel_state *p, size_t slot, size_t batch, size_t kv_head);

/* What multiplies Sᵀφ(q), given φ(q)·z as the state has it; 0 where nothing was seen, or all of it underflowed, and eps is 0. */
float output_factor(const linear_call *call, float q_dot_z, const panel_state *p, float query_exponent);

#endif
