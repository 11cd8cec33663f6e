/* Products of a block with a part of itself: row r of the result sums over its own span of the inner index, as causal masks
 * ask for. What lies outside a row's span is not read: a product with 0 would let through what is not finite. */
#ifndef LA_TILE_SPAN_H
#define LA_TILE_SPAN_H

#include "base/outer.h"

/* Of four rows: first ≤ last, and neither falls from one row to the next. */
typedef struct {
  size_t first[4], last[4];
} row_spans;

LA_INLINE void row_outer(tile4x8 *c, size_t r, size_t first, size_t last, const float *a, size_t a_step, const float *b, size_t b_step) {
  for (size_t i = first; i < last; i++) {
    v4 factor = v4_load_splat(a + i * a_step);
    c->row[r][0] = v4_madd(factor, v4_load(b + i * b_step), c->row[r][0]);
    c->row[r][1] = v4_madd(factor, v4_load(b + i * b_step + 4), c->row[r][1]);
  }
}

/* As tile_outer; row r sums over i from first[r] to last[r] − 1. */
LA_INLINE tile4x8 tile_spans(tile4x8 c, const row_spans *s, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_step) {
  size_t first = s->first[3], last = s->last[0];
  if (first >= last) {
    for (size_t r = 0; r < 4; r++) row_outer(&c, r, s->first[r], s->last[r], a + r * a_row, a_step, b, b_step);
    return c;
  }
  c = tile_outer(c, last - first, a + first * a_step, a_row, a_step, b + first * b_step, b_step);
  if (s->first[0] == first && s->last[3] == last) return c;
  for (size_t r = 0; r < 4; r++) {
    row_outer(&c, r, s->first[r], first, a + r * a_row, a_step, b, b_step);
    row_outer(&c, r, last, s->last[r], a + r * a_row, a_step, b, b_step);
  }
  return c;
}

/* c + Σ_i a[:, i]·b[i, :] of the four rows from t on, row t + r over i ≤ t + r or, with `after`, over t + r ≤ i < tokens; without
 * i = t + r where strict. Of the four tokens that are not common to all rows, each is read once. */
LA_INLINE tile4x8 tile_triangle(tile4x8 c, size_t t, size_t tokens, const int after, const int strict, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_step) {
  size_t end = smaller(t + 4, tokens);
  if (after) c = tile_outer(c, tokens - end, a + end * a_step, a_row, a_step, b + end * b_step, b_step);
  else c = tile_outer(c, t, a, a_row, a_step, b, b_step);
  a += t * a_step;
  b += t * b_step;
  for (size_t i = 0; i < 4; i++, a += a_step, b += b_step) {
    if (after && t + i >= tokens) break;
    v4 b0 = v4_load(b), b1 = v4_load(b + 4);
    for (size_t r = 0; r < 4; r++) {
      if (after ? r > i || (strict && r == i) : r < i || (strict && r == i)) continue;
      v4 a_r = v4_load_splat(a + r * a_row);
      c.row[r][0] = v4_madd(a_r, b0, c.row[r][0]);
      c.row[r][1] = v4_madd(a_r, b1, c.row[r][1]);
    }
  }
  return c;
}

#endif
