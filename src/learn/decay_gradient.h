/* Gradient of decay. A token's decay changes what it and all after it do in the block, by its features and their gradients,
 * and the state after the block. */
#ifndef LA_DECAY_GRADIENT_H
#define LA_DECAY_GRADIENT_H

#include "learn/causal_memory.h"

/* Where the gradient of a gate's tokens from t goes, [state heads, tokens or 1, width]; NULL: nowhere. */
float *gate_gradient(const gradient_stream *s, float *all, la_gate gate, size_t width, size_t t);

/* Adds what a query of token t contributes, without what the token does with itself, which no decay changes. */
void add_decay(const walk *w, size_t t, const float *q, const float *gradient);

/* Writes the gradients of the block's tokens, given the shares of the state after it, m->from, and before it, m->to. */
void decay_gradient(const walk *w, size_t t, size_t tokens);

#endif
