/* Weights p of softmax in a block of queries and keys, and dscore, by which its scores change the result:
 *   p = exp(score − log sum),   dscore = p∘(do·v − do·o),   and times 1 − (capped/cap)² where scores are capped. */
#ifndef LA_SOFTMAX_PAIRS_H
#define LA_SOFTMAX_PAIRS_H

#include "learn/pairs.h"
#include "softmax/blocks.h"

typedef struct {
  size_t d, d_v;
  float *q, *out;           /* [queries/8][d][8], scaled, and of do [queries/8][d_v][8] */
  float *k, *v;             /* [keys/4][d][4], [keys/4][d_v][4] */
  float *scores;            /* [PAIR_KEYS][8]: of one panel of queries, where they are more than products */
  float *p, *d_score;       /* pairs */
  float *slopes;            /* pairs: how capped scores change with the products; where there is a cap */
  float *log_sum, *product; /* [queries]: of each row; do·o */
} softmax_pairs;

/* Where the gradients of what is added to scores go. */
typedef struct {
  float *bias;    /* of the first query and key of the block; NULL: not wanted */
  size_t bias_row;
  double *slope;  /* of the head; NULL: not wanted */
} score_gradient;

/* Makes p and d_score of the block's pairs, of which block->hidden are 0; returns whether some are. */
int make_softmax_pairs(const softmax_pairs *w, const la_softmax_args *a, const query_rows *queries, const key_rows *keys, pair_block *block, score_gradient gradient);

#endif
