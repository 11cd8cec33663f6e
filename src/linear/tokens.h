/* The tokens of a block as the recurrence reads them: rows of k and q, their products, and what results are multiplied by. */
#ifndef LA_TOKENS_H
#define LA_TOKENS_H

#include "linear/exponents.h"

/* In blocks of more than one, tokens go two at a time: one of zeros comes after an odd last. */
typedef struct {
  size_t block;
  float *rows;      /* a token's k, q and, of a gated delta rule, k as it is recalled: call->stride apart */
  float *exponents; /* [block] */
  float *sums;      /* [block]: φ(q)·z, then the factor */
  float *scores;    /* [block/2][4]: q₀·k₀, q₁·k₀, q₁·k₁ and k₁·k₀ of two tokens */
  float *beta;      /* [block], of the delta rule */
  float *fold;      /* [block][width]: exp of the decay since S was settled */
} token_block;

/* Floats of one token's rows. */
static inline size_t token_floats(const linear_call *call) { return (size_t)call->rows * call->stride; }

static inline float *token_rows(const linear_call *call, const token_block *w, size_t u) { return w->rows + u * token_floats(call); }

/* Of the token's k as the delta rule recalls it, from its first row. */
static inline size_t recalled_row(const linear_call *call) { return call->rows == 3 ? 2 * call->stride : 0; }

/* Points w's parts at memory from base (when given), for blocks of up to `block` tokens; returns the floats in all. */
uint64_t token_block_layout(const linear_call *call, size_t block, token_block *w, float *base);

/* φ of up to `tokens` tokens' keys from t, and their decay. Returns how many tokens can go together; where `settle` is set,
 * S and z have to be settled by p->due before that. Settles after `every` tokens at the latest. */
size_t take_tokens(const linear_call *call, const token_block *w, panel_state *p, size_t b, size_t state_head, size_t t, size_t tokens, size_t every, int *settle);

/* Keys and beta of tokens that were taken, after S was settled. */
void finish_keys(const linear_call *call, const token_block *w, const panel_state *p, size_t b, size_t state_head, size_t t, size_t tokens);

/* φ of their queries, of one head of the result. */
void finish_queries(const linear_call *call, const token_block *w, const panel_state *p, size_t b, size_t head, size_t t, size_t tokens);

/* Fills in scores, and sums[u] = φ(q)·z with z run along; 0 without the normaliser. */
void token_products(const linear_call *call, const token_block *w, panel_state *p, float *sums, size_t tokens);

#endif
