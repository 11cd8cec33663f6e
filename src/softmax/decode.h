/* Softmax of fewer queries than a tile, as in decoding: keys and values are read once, as they lie. */
#ifndef LA_DECODE_H
#define LA_DECODE_H

#include <stddef.h>

/* The scores q·k of `count` keys, in an order of its own; infinities become NaN, as in score_tiles. */
void score_rows(const float *q, const float *k, size_t stride, size_t count, size_t d, float *scores);

/* out ← correction·out + Σ p v over `count` values, p in the order of score_rows; columns a multiple of 4. */
void add_rows(float *out, size_t columns, float correction, const float *p, size_t count, const float *v, size_t stride);

#endif
