#ifndef LA_CAUSAL_MEMORY_H
#define LA_CAUSAL_MEMORY_H

#include "learn/stream.h"

typedef struct {
  uint32_t start, count;
  float exponent; /* of the state before */
  float due;      /* of all features alike: where there is no decay */
} block_record;

typedef struct {
  uint32_t start;
  float exponent;
  int32_t answered; /* it was taken for the last, and has gradients of its queries */
} segment_record;

/* What a causal stream keeps between its passes. Decay and delta rules need S before each block again: they go segment by
 * segment from the end, each replayed from S at its beginning. Segments have as many blocks as there may be segments, or as
 * fit into SEGMENT_FLOATS, so that what is kept grows at most as the square root of the length. Others have one segment, of
 * which a block keeps four numbers. */
typedef struct {
  size_t blocks, tokens, segments; /* of a segment, of a segment, and how many at most */
  float *factors;   /* [group][2][tokens]: f and h */
  float *d_decay;   /* [tokens][width]: what queries contribute */
  float *recalled;  /* [tokens][d_v up to 8]: v − Sᵀk of delta rules */
  float *states;    /* [blocks]: S and z before each block */
  float *due;       /* [blocks][row] */
  float *starts;    /* [segments]: S and z before the first block of each */
  float *folds;     /* [segments][row]: and the decay that they lack */
  float *from, *to, *next; /* [row] each: gradients of decay */
  block_record *records;           /* [blocks] */
  segment_record *segment_records; /* [segments] */
} causal_memory;

/* Points at the arrays from base on; returns the floats. */
uint64_t causal_memory_layout(const linear_call *call, causal_memory *m, float *base);

/* Whether S before each block is kept. */
static inline int keeps_states(const linear_call *call) { return call->gated || call->delta; }

/* Floats of decay's gradient a token: one, or one a feature. */
static inline size_t decay_width(const linear_call *call) { return call->args->decay.channel ? call->d_f : 1; }

/* The walk over one stream. */
typedef struct {
  gradient_stream *s;
  causal_memory *m;
  size_t first; /* token of the segment */
  int answered; /* the segment's gradients of queries are there: what is shared must not be added twice */
  size_t state_floats;
} walk;

/* Notes S before segment n, whose first token is t, and whether its first pass has answers. */
void keep_start(const walk *w, size_t n, size_t t, int answers);
/* Back to it; the token that comes first. */
size_t restore_start(walk *w, size_t n);

#endif
