/* What else than a product makes a score: softcap·tanh(score/softcap), as in Gemma 2, then −slope·|distance| (ALiBi; Press et
 * al. 2022), then a bias. The cap comes first, as in FlashAttention: what a bias says is not capped. */
#ifndef LA_SCORES_H
#define LA_SCORES_H

#include <stddef.h>
#include <stdint.h>

/* For some queries and a block of keys. */
typedef struct {
  float softcap, slope; /* 0: none */
  int64_t distance;     /* by how much the position of the first query is above that of the first key */
  const float *bias;    /* of the first query and key; NULL: none */
  size_t bias_row;      /* from one query to the next */
  size_t rows;          /* how many queries there are */
} score_terms;

/* scores[j][u] of eight queries, the first `rows` of which are there; query u sees keys from[u] … seen[u] − 1, no other bias
 * is read. A score whose bias is −∞ becomes less than any, and hidden[j] gets bit u; returns whether there are some. */
int score_tile(const score_terms *terms, float *scores, const size_t from[8], const size_t seen[8], uint8_t *hidden);

/* scores[0..count) of the first query, rounded up to a multiple of four, in the order of row_of_score. */
void score_row(const score_terms *terms, float *scores, size_t count);

/* Which of `count` rows score j of decode.c belongs to: four runs of rows side by side, and the rest. */
static inline size_t row_of_score(size_t j, size_t count) { return j < count / 4 * 4 ? j % 4 * (count / 4) + j / 4 : j; }

/* How many keys from `first` on, up to `end`, no bias hides, or that it hides. */
size_t keys_alike(const float *bias, size_t first, size_t end);

#endif
