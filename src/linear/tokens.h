/* The tokens of a block as the recurrence reads them: rows of k, q and decay, and what a token's result is multiplied by. */
#ifndef LA_TOKENS_H
#define LA_TOKENS_H

#include "linear/exponents.h"

typedef struct {
  float *rows;      /* a token's k, q and, when gated, a: call->stride apart; k of zeros comes before the first */
  float *exponents; /* [block] */
  float *sums;      /* [block]: φ(q)·z, then the factor */
  float *k_dot_q;   /* [block], of the delta rule, and so */
  float *beta;      /* [block] */
} token_block;

/* Floats of one token's rows. */
static inline size_t token_floats(const linear_call *call) { return (size_t)(2 + call->gated) * call->stride; }

static inline float *token_rows(const linear_call *call, const token_block *w, size_t u) { return w->rows + (u + 1) * token_floats(call); }

/* Points w's parts at memory from base (when given), for blocks of up to `block` tokens; returns the floats in all. */
uint64_t token_block_layout(const linear_call *call, size_t block, token_block *w, float *base);

/* Fills in features, decay and beta of up to `tokens` tokens from t; returns how many are ready (see map_keys). */
size_t map_tokens(const linear_call *call, const token_block *w, panel_state *p, size_t b, size_t kv_head, size_t q_head, size_t t, size_t tokens);

/* sums[u] = φ(q)·z of tokens that are filled in, z run along; 0 without the normaliser. */
void normalizers(const linear_call *call, const token_block *w, panel_state *p, float *sums, size_t tokens);

/* The factors of tokens that are filled in; runs z along. */
void normalize_tokens(const linear_call *call, const token_block *w, panel_state *p, size_t tokens);

/* Both. */
size_t prepare_tokens(const linear_call *call, const token_block *w, panel_state *p, size_t b, size_t kv_head, size_t q_head, size_t t, size_t tokens);

#endif
