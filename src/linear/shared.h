/* Sums of parts: threads that share a causal stream by features each have a part of every result. A few blocks of
 * tokens later they add the parts up, each for its share of the tokens, so that nobody waits while all keep pace. */
#ifndef LA_SHARED_H
#define LA_SHARED_H

#include "linear/call.h"

enum {
  SHARED_BLOCK = 64, /* tokens: some 10 µs of work, a hundred times what telling another core takes */
  SHARED_LAG = 4,    /* blocks later they are added up: how far a part may be ahead of another before it waits */
  SHARED_DEPTH = 2 * SHARED_LAG, /* blocks that each part keeps */
  FEWEST_FEATURES = 16,            /* that are worth a thread of their own */
  MOST_PARTS = LA_MAX_DIM / FEWEST_FEATURES, /* such maps have a feature an element */
};

/* How far a part is, in blocks: a cache line each, all 0 at first. */
typedef struct {
  int32_t ready, added;
  const float *kept; /* [SHARED_DEPTH][shared_floats] */
  char rest[64 - 2 * sizeof(int32_t) - sizeof(void *)];
} part_place;

/* Places of `count` parts, or NULL; free with la_free. */
part_place *part_places(uint64_t count);

typedef struct {
  const linear_call *call;
  size_t b, state_head; /* the stream; heads of its results follow one another */
  size_t slot, part, parts;
  part_place *places; /* [parts] */
  size_t d_vp, at;       /* at: the block that this part is on */
} shared_stream;

/* Floats of a block: rows of results, d_vp apart, and then φ(q)·z of the tokens. */
static inline size_t shared_floats(size_t d_vp) { return SHARED_BLOCK * (d_vp + 1); }

/* Where this part's next block goes; NULL when a thread failed. */
float *shared_room(const shared_stream *p);

/* It is there. Adds up this part's share of an earlier block; 0 when a thread failed. */
int shared_ready(shared_stream *p);

/* Adds up the last blocks and waits until all have: what is kept may go. 0 when a thread failed. */
int shared_end(shared_stream *p);

#endif
