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
  size_t keys, queries;        /* of the block that count */
  size_t seen[PAIR_QUERIES];   /* leading keys of the block that a query sees, which does not fall */
  size_t first[PAIR_KEYS];     /* the first query that sees a key; `queries` where none does */
} pair_block;

/* Keys t … t + keys − 1 and queries from position `at`, which see keys up to their own position + offset where causal. */
void pair_block_set(pair_block *b, size_t t, size_t keys, size_t at, size_t queries, int causal, size_t offset);

/* The first queries of a panel of eight that see a tile of keys from j on. */
static inline size_t first_panel(const pair_block *b, size_t j) { return b->first[j] / 8 * 8; }

/* out[key] += Σ_queries pairs[key][query]·rows[query], into rows of the caller's, `columns` of them. */
void pairs_to_keys(const pair_block *b, const float *pairs, const float *rows, size_t row, float *out, size_t out_row, size_t columns);

/* out[query] += Σ_keys pairs[key][query]·rows[key]. */
void pairs_to_queries(const pair_block *b, const float *pairs, const float *rows, size_t row, float *out, size_t out_row, size_t columns);

#endif
