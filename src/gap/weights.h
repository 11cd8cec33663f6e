/* Rows of attention weights, four queries at a time: keys are mapped and transposed once a head, T×T is not stored. */
#ifndef LA_WEIGHTS_H
#define LA_WEIGHTS_H

#include "maps/feature_map.h"

typedef struct {
  la_weights_kind kind;
  int causal;
  float scale, eps; /* of the scores, and added to the normaliser of linear */
  la_feature_map map;   /* of linear, with one head of weights */
  size_t n_k, d, width; /* width: dim for softmax, features for linear */
  size_t stride;        /* n_k rounded up to whole panels of 8 */
  float *panels;        /* [stride/8][width][8] */
  float *q;             /* [width][4]: the queries' panel */
  float *x;             /* [8][width + 1]: features before packing, and behind four rows of them the exponents of queries */
  float *rows;          /* [4][stride]: the result */
  float *exponents;     /* [stride]: of the keys; 0 where the map has none */
} weight_rows;

/* Fills in width and stride, and from base (when given) the pointers; returns the floats needed. */
uint64_t weight_rows_layout(weight_rows *w, float *base);

/* Keys of one head. */
void weight_rows_keys(weight_rows *w, const float *k, size_t k_stride);

/* w->rows[u] = weights of query t + u, u < count ≤ 4, summing to 1 where eps is 0; weights of keys it does not see are 0. */
void weight_rows_queries(weight_rows *w, const float *q, size_t q_stride, size_t t, size_t count);

#endif
