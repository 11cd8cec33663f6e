#ifndef LA_CAUSAL_GRADIENT_H
#define LA_CAUSAL_GRADIENT_H

#include "learn/stream.h"

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
  void *records;    /* [blocks] */
  void *segment_records; /* [segments] */
} causal_memory;

uint64_t causal_memory_layout(const linear_call *call, causal_memory *m, float *base);

/* The whole stream; what it adds to must be there. */
void causal_gradient(gradient_stream *s, causal_memory *m);

#endif
