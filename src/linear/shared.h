/* Sums of parts: threads that share a causal stream by features each have a part of every result. A few blocks of
 * tokens later they add the parts up, each for its share of the tokens, so that nobody waits while all keep pace. */
#ifndef LA_PARTIALS_H
#define LA_PARTIALS_H

#include "linear/linear.h"

enum {
  PARTIAL_BLOCK = 64, /* tokens: some 10 µs of work, a hundred times what telling another core takes */
  PARTIAL_LAG = 4,    /* blocks later they are added up: how far a part may be ahead of another before it waits */
  PARTIAL_DEPTH = 2 * PARTIAL_LAG, /* blocks that each part keeps */
  FEWEST_FEATURES = 16,            /* that are worth a thread of their own */
  MOST_PARTS = LA_MAX_DIM / FEWEST_FEATURES,
};

/* How far a part is, in blocks: a cache line each, all 0 at first. */
struct partial_place {
  int32_t ready, added;
  const float *kept; /* [PARTIAL_DEPTH][partial_floats] */
  char rest[64 - 2 * sizeof(int32_t) - sizeof(void *)];
};

/* Places of `count` parts, or NULL; free with la_free. */
partial_place *partial_places(uint64_t count);

typedef struct {
  const linear_call *call;
  size_t b, kv_head; /* the stream; its query heads follow one another */
  size_t slot, part, parts;
  partial_place *places; /* [parts] */
  size_t d_vp, at;       /* at: the block that this part is on */
} partials;

/* Floats of a block: rows of results, d_vp apart, and then φ(q)·z of the tokens. */
static inline size_t partial_floats(size_t d_vp) { return PARTIAL_BLOCK * (d_vp + 1); }

/* Where this part's next block goes; NULL when a thread failed. */
float *partials_room(const partials *p);

/* It is there. Adds up this part's share of an earlier block; 0 when a thread failed. */
int partials_ready(partials *p);

/* Adds up the last blocks and waits until all have: what is kept may go. 0 when a thread failed. */
int partials_end(partials *p);

#endif
