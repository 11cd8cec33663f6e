/* One head of keys, with the heads of queries that share it, of a step of distilling: features are made once and kept, and
 * the gradient follows the outputs in the same pass. */
#ifndef LA_DISTILL_HEAD_H
#define LA_DISTILL_HEAD_H

#include "learn.h"
#include "learn/block.h"
#include "learn/running.h"
#include "learn/weight_sums.h"
#include "maps/feature_map.h"

typedef struct {
  const la_distill_args *args;
  const map_entry *map;
  size_t n_q, n_k, d, d_f, d_v, group; /* group: heads of queries for one of keys */
  size_t row, width;                   /* floats from one row of features, or of values, to the next */
  size_t columns;                      /* of W */
  int learns;                          /* a gradient is wanted, not Σ‖L − S‖² alone */
} distill_call;

typedef struct {
  const distill_call *call;
  size_t slot, k_head, query_weights, key_weights;
  item_sums sums;
  running s, r;
  float *keys;                  /* [n_k up to blocks][row]: φ(k), relative to `exponents` of their block */
  float *queries;               /* [group][n_q up to blocks][row]: φ(q), each relative to its own exponent */
  float *d_out;                 /* [group][n_q up to blocks][width]: of the sums of values in a result */
  float *h;                     /* [group][n_q up to blocks]: of the sums of keys */
  float *scores;                /* [group][n_q up to blocks][SCORE_ROW]: do·v + h within a block, where causal */
  float *exponents;             /* [blocks of keys]: of S in the block */
  float *row_exponents;         /* [n_k or BLOCK] */
  float *values, *value_panels, *key_panels, *q_k, *out, *wanted, *d_features, *sum, *y, *query_transposed, *key_transposed;
} distill_head;

/* Points at the parts from base on; returns the floats. */
uint64_t distill_layout(const distill_call *call, distill_head *h, float *base);

/* Of head k_head, whose sums of weights, numbers of weights and slot are set; the scratch is 0. Returns Σ‖L − S‖². */
double distill_head_step(distill_head *h);

#endif
