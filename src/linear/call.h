/* A call of linear attention as its forms see it: sizes worked out once. */
#ifndef LA_LINEAR_CALL_H
#define LA_LINEAR_CALL_H

#include "base/arguments.h"
#include "maps/feature_map.h"

enum {
  SHORT_FEATURES = 256,
  SHORT_STRIDE = 272, /* floats between rows of up to SHORT_FEATURES: a constant, so that loops address them by offsets;
                         17 cache lines, so that rows do not compete for the same cache sets */
};

typedef struct {
  const la_linear_args *args;
  const map_entry *map;
  size_t batch, heads, state_heads, group; /* group: heads of the result a state */
  size_t packed; /* rows of the batch in each row of the arrays */
  size_t n_q, n_k, d, d_v;
  size_t d_vp;            /* value_dim rounded up to whole panels of 8 */
  size_t d_f, d_fp;       /* features, and rounded up to whole vectors */
  size_t features, first; /* of the map, and where these d_f begin: 0 but for threads that share a stream by features */
  size_t stride;          /* floats from one row of features to the next: SHORT_STRIDE where they fit */
  int gated, delta;
  int ratio;     /* S and z are kept divided by powers of two (ratio.h) */
  int rows;      /* of a token: k, q and, where a third is needed, its decay, then k as the delta rule recalls it */
  size_t slots;  /* threads that share the call */
  int whole;     /* they take whole streams: that keeps them busy */
} linear_call;

/* The call that the arguments describe, on one thread; LA_OK, or why they are not valid. `out` is not looked at. */
int32_t linear_call_of(const la_linear_args *args, linear_call *call);

/* Rows of features, `stride` floats apart, their padding up to d_fp 0. */
typedef struct {
  float *rows;
  size_t stride;
  float *exponents; /* [rows], written by scaled maps */
} feature_rows;

/* Which of n heads a head out of `heads` uses. */
static inline size_t head_of(size_t head, size_t heads, int32_t n) { return head * (size_t)n / heads; }

static inline size_t q_head_of(const linear_call *call, size_t head) { return head_of(head, call->heads, call->args->q_heads); }
static inline size_t k_head_of(const linear_call *call, size_t state_head) { return head_of(state_head, call->state_heads, call->args->k_heads); }
static inline size_t v_head_of(const linear_call *call, size_t state_head) { return head_of(state_head, call->state_heads, call->args->v_heads); }

/* Tokens of a row of the batch, the first of which is at start_of. */
static inline size_t start_of(const linear_call *call, size_t batch) { return call->args->starts ? (size_t)call->args->starts[batch] : 0; }
static inline size_t tokens_of(const linear_call *call, size_t batch) { return call->args->starts ? (size_t)call->args->key_lengths[batch] : call->n_q; }

/* Of them, those that are answered. */
static inline size_t queries_of(const linear_call *call, size_t batch) { return call->args->out.data ? tokens_of(call, batch) : 0; }

/* The row of the arrays in which it lies. */
static inline size_t array_row_of(const linear_call *call, size_t batch) { return call->packed > 1 ? batch / call->packed : batch; }

/* Token t of a row of the batch. */
static inline float *token_at(const linear_call *call, la_array x, size_t batch, size_t head, size_t t) {
  return array_at(x, array_row_of(call, batch), head, start_of(call, batch) + t);
}

/* A token's decay, beta or write gate: one number, or one a feature. */
static inline const float *gate_row(const linear_call *call, la_gate gate, size_t batch, size_t state_head, size_t t) {
  return gate.data + array_row_of(call, batch) * gate.batch + state_head * gate.heads / call->state_heads * gate.head + (start_of(call, batch) + t) * gate.row;
}

/* Of the batch's first token. */
static inline size_t position_of(const linear_call *call, size_t batch) {
  return call->args->positions ? (size_t)call->args->positions[batch] : 0;
}

#endif
