/* A block of queries of one head against a block of keys of their span: what of it each query sees, and what makes the
 * scores. Sinks are in blocks of their own, so that what a query sees of a block is always one range. */
#ifndef LA_BLOCKS_H
#define LA_BLOCKS_H

#include "softmax/spans.h"
#include "softmax/tiles.h"

/* Queries first … first + rows − 1 of the span. */
typedef struct {
  la_softmax_span span;
  size_t head, first, rows;
} query_rows;

/* Keys first … first + count − 1 of the span. */
typedef struct {
  size_t first, count;
  int is_sinks;
} key_rows;

/* What some of the queries see: the sinks, and the keys behind them. */
typedef struct {
  key_range sinks, others;
} keys_in_sight;

keys_in_sight keys_in_sight_of(const la_softmax_args *a, const query_rows *queries);

/* Goes on to the next block of up to `most` keys, from one of no keys that are sinks; 0 behind the last. */
int next_keys(const keys_in_sight *all, size_t most, key_rows *keys);

/* Keys of the block, counted from its first, that query i of the span sees. */
key_range keys_seen(const la_softmax_args *a, const query_rows *queries, const key_rows *keys, size_t i);

/* Whether what makes scores is such as the header allows; sizes are valid already. */
int terms_are_valid(const la_softmax_args *a);

static inline int has_terms(const la_softmax_args *a) { return a->softcap > 0.0f || a->slopes || a->bias.data; }

/* What else makes the scores of `rows` queries from i of the span on and of keys from `shift` of the block on. */
score_terms terms_at(const la_softmax_args *a, const query_rows *queries, const key_rows *keys, size_t i, size_t shift, size_t rows);

/* Packs the block's keys and values for the tile. */
void pack_block(const la_softmax_args *a, const query_rows *queries, const key_rows *keys, tile_block *block);

/* Adds a packed block to the sums, whose rows are the queries; q: their panels [rows/8][d][8], scaled. */
void attend_block(const la_softmax_args *a, const softmax_sums *s, const float *q, const tile_block *block, const query_rows *queries, const key_rows *keys);

#endif
