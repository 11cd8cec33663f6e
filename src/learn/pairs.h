/* A block of keys against a block of queries, every pair a number: rows of keys, queries side by side, in tiles of 4 × 8. Nothing
 * of n_q × n_k is stored, and hidden pairs are not read, since 0 times what is not finite would let it through. */
#ifndef LA_PAIRS_H
#define LA_PAIRS_H

#include "learn/tile_span.h"
#include "linear_attention.h"

enum {
  PAIR_QUERIES = 128,
  PAIR_KEYS = 128,
  PAIR_ROW = PAIR_QUERIES + 8, /* floats from one key's numbers to the next */
};

typedef struct {
  size_t keys, queries;                             /* of the block that count */
  size_t from[PAIR_QUERIES], seen[PAIR_QUERIES];    /* a query sees keys from … seen − 1 of the block; from ≤ seen, neither of which falls */
  size_t first[PAIR_KEYS], last[PAIR_KEYS];         /* and a key is seen by queries first … last − 1, likewise */
  int skips;                                        /* whether products leave out the pairs of hidden[], because 0 times a number is not 0 here */
  uint8_t hidden[PAIR_QUERIES / 8][PAIR_KEYS];      /* bit i % 8 of [i / 8][j]: query i does not see key j all the same; where some are hidden */
} pair_block;

/* Keys t … t + keys − 1 and queries from position `at`, which see keys up to their own position where causal. */
void pair_block_set(pair_block *b, size_t t, size_t keys, size_t at, size_t queries, int causal);

/* Fills in first and last from `from` and `seen`; nothing is hidden. */
void pair_block_index(pair_block *b);

/* Queries that see a tile of keys from j on: those of panels of eight from the first … */
static inline size_t first_panel(const pair_block *b, size_t j) { return b->first[j] / 8 * 8; }
/* … up to the last. */
static inline size_t last_query(const pair_block *b, size_t j) { return b->last[smaller(j + 3, b->keys - 1)]; }

static inline int is_hidden(const pair_block *b, size_t j, size_t i) { return b->hidden[i / 8][j] >> i % 8 & 1; }

/* out[key] += Σ_queries pairs[key][query]·rows[query], into rows of the caller's, `columns` of them. */
void pairs_to_keys(const pair_block *b, const float *pairs, const float *rows, size_t row, float *out, size_t out_row, size_t columns);

/* out[query] += Σ_keys pairs[key][query]·rows[key]. */
void pairs_to_queries(const pair_block *b, const float *pairs, const float *rows, size_t row, float *out, size_t out_row, size_t columns);

#endif
