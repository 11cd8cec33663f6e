/* A call of linear attention as its forms see it: sizes worked out once. */
#ifndef LA_LINEAR_CALL_H
#define LA_LINEAR_CALL_H

#include "maps/feature_map.h"

enum {
  STATE_PANEL = 8,    /* columns of S that lie together */
  SHORT_STRIDE = 272, /* floats between rows of up to LA_MAX_DIM features: a constant, so that loops address them by offsets;
                         17 cache lines, so that rows do not compete for the same cache sets */
};

typedef struct {
  const la_linear_args *args;
  const map_entry *map;
  size_t batch, heads, kv_heads, group; /* group: query heads per key head */
  size_t n_q, n_k, d, d_v;
  size_t d_f, d_fp;       /* features, and rounded up to whole vectors */
  size_t features, first; /* of the map, and where these d_f begin: 0 but for threads that share a stream by features */
  size_t stride;          /* floats from one row of features to the next: SHORT_STRIDE where they fit */
  int gated, delta;
  int ratio; /* S and z are kept divided by powers of two (ratio.h) */
  size_t slots; /* threads that share the call */
  int whole;    /* they take whole streams: that keeps them busy */
} linear_call;

/* Rows of features, `stride` floats apart, their padding up to d_fp 0. */
typedef struct {
  float *rows;
  size_t stride;
  float *exponents; /* [rows], written by scaled maps */
} feature_rows;

/* A token's decay, beta or write gate: one number, or one a feature. */
static inline const float *gate_row(la_gate gate, size_t batch, size_t kv_head, size_t t) {
  return gate.data + batch * gate.batch + kv_head * gate.head + t * gate.row;
}

/* Of the batch's first token. */
static inline size_t position_of(const linear_call *call, size_t batch) {
  return call->args->positions ? (size_t)call->args->positions[batch] : 0;
}

#endif
