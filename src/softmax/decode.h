/* Softmax of fewer queries than a tile, as in decoding: keys and values are read once, as they lie. */
#ifndef LA_DECODE_H
#define LA_DECODE_H

#include "softmax/scores.h"
#include "softmax/sums.h"

enum { DECODE_KEYS = 2048 }; /* at once: 512 take a quarter longer */

/* Adds `count` ≤ DECODE_KEYS keys to a row of the sums, whose query q is scaled; value rows are as wide as the sums. terms:
 * what else makes a score, of this query and the first key, or NULL; no bias hides a key here. Scratch: weights
 * [DECODE_KEYS] and part [width]. */
void attend_row(const softmax_sums *s, size_t row, const float *q, size_t d, const float *k, size_t k_stride, const float *v, size_t v_stride, size_t count, float *weights,
                float *part, const score_terms *terms);

#endif
