/* The delta rule within a block: u_t = β_t(v_t − Sᵀk_t) where S has taken up the block's earlier tokens. With S before the
 * block that is a triangular system of its tokens (Yang et al. 2024, section 3), forwards for u and backwards for du. */
#ifndef LA_DELTA_GRADIENT_H
#define LA_DELTA_GRADIENT_H

#include "learn/stream.h"

/* s->values become u; `recalled` [tokens][width] takes v − Sᵀk. */
void delta_values(gradient_stream *s, float *recalled, size_t tokens);

/* u again, from what was recalled. */
void delta_values_again(gradient_stream *s, const float *recalled, size_t tokens);

/* s->d_values is Rᵀk, R with what queries add, and becomes β·du. Adds its part to d_features of keys as they write, fills in
 * d_recalled of keys as they recall, takes its part off R, and writes dβ of each token (d_beta NULL: not wanted). `before`:
 * S before the block, as running_keep has it. */
void delta_gradient(gradient_stream *s, const float *before, const float *recalled, float *d_beta, size_t tokens);

#endif
