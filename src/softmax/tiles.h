/* Softmax of many queries on the outer-product tile. Eight queries are the lanes of two vectors, so that maxima, exp and sums
 * need nothing across lanes: with 8 heads of 64 it runs at 77 % of the tile, 82 % on newer engines; exp is 10 % of the time. */
#ifndef LA_TILES_H
#define LA_TILES_H

#include "base/outer.h"
#include "softmax/scores.h"
#include "softmax/sums.h"

enum {
  TILE_QUERIES = 8,
  TILE_KEYS = 128, /* a block: 64 take 1 to 3 % longer */
};

/* A block of up to TILE_KEYS keys, packed. */
typedef struct {
  float *k;       /* [TILE_KEYS/4][d][4] */
  float *v;       /* [width/8][TILE_KEYS][8], columns past value_dim 0 */
  float *weights; /* [TILE_KEYS][TILE_QUERIES]: scores, then p */
  size_t d;
  int is_finite;  /* whether v is known to be */
} tile_block;

/* Values of `count` keys in panels of eight columns. */
void pack_values(float *panels, const float *v, size_t stride, size_t count, size_t d_v);

/* Whether `count` packed values of so many panels are finite. */
int values_are_finite(const float *panels, size_t columns, size_t count);

/* Adds the block to rows row … row + 7 of the sums, of which the first `rows` are queries; q: their panel [d][8], scaled;
 * query u sees keys from[u] … seen[u] − 1 of the block, from[u] ≤ seen[u], neither of which falls; terms: what else makes a
 * score, of the first query and key, or NULL. Rows up to the next multiple of 8 are written. */
void attend_tile(const softmax_sums *s, size_t row, size_t rows, const float *q, const tile_block *block, const size_t from[TILE_QUERIES],
                 const size_t seen[TILE_QUERIES], const score_terms *terms);

#endif
