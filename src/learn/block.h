/* Products of a block of tokens: with a running matrix, and with one another under a causal mask. */
#ifndef LA_BLOCK_H
#define LA_BLOCK_H

#include "base/rows.h"

enum {
  BLOCK = 32,            /* tokens at once, at most */
  SCORE_ROW = BLOCK + 8, /* floats from one row of scores to the next */
};

/* scores[i][j] = x_i·y_j for j ≤ i, of rows x and of y in panels of eight tokens, [BLOCK/8][inner][8]. Others are not written or
 * mean nothing. */
void block_scores(float *scores, const float *x, size_t x_stride, const float *panels, size_t inner, size_t tokens);

/* Rows times a matrix [inner][row]; x NULL: none. */
typedef struct {
  const float *x;
  size_t x_stride, inner;
  const float *m;
  size_t row;
} block_outside;

/* Σ_s scores[t][s]·y_s over s ≤ t, or with `after` Σ_s scores[s][t]·y_s over s ≥ t; without t itself where strict. NULL: none. */
typedef struct {
  const float *scores;
  int after, strict;
  const float *y;
  size_t y_stride;
} block_inside;

typedef enum { BLOCK_SET, BLOCK_ADD, BLOCK_SUBTRACT } block_mode;

/* Puts the sum of both into rows of out, adds or subtracts it: `tokens` rows up to a multiple of 4, columns to one of 8. */
void block_product(float *out, size_t out_stride, size_t tokens, size_t columns, block_outside outside, block_inside inside, block_mode mode);

#endif
