#include "learn/block.h"

#include "learn/tile_span.h"

void block_scores(float *scores, const float *x, size_t x_stride, const float *panels, size_t inner, size_t tokens) {
  for (size_t i = 0; i < tokens; i += 4)
    for (size_t j = 0; j < i + 4; j += 8)
      tile_store(scores + i * SCORE_ROW + j, SCORE_ROW, tile_outer(tile_zero(), inner, x + i * x_stride, x_stride, 1, panels + j * inner, 8));
}

static inline tile4x8 tile_negated(tile4x8 t) {
  const float factors[4] = {-1.0f, -1.0f, -1.0f, -1.0f};
  return tile_scale(t, factors);
}

/* One panel of columns of one four of rows. */
LA_INLINE tile4x8 product_tile(size_t t, size_t c, size_t tokens, const block_outside *outside, const block_inside *inside, const int after, const int strict) {
  tile4x8 sum = tile_zero();
  if (outside->x) sum = tile_outer(sum, outside->inner, outside->x + t * outside->x_stride, outside->x_stride, 1, outside->m + c, outside->row);
  if (!inside->scores) return sum;
  const float *scores = inside->scores + (after ? t : t * SCORE_ROW);
  return tile_triangle(sum, t, tokens, after, strict, scores, after ? 1 : SCORE_ROW, after ? SCORE_ROW : 1, inside->y + c, inside->y_stride);
}

void block_product(float *out, size_t out_stride, size_t tokens, size_t columns, block_outside outside, block_inside inside, block_mode mode) {
  for (size_t t = 0; t < tokens; t += 4) {
    for (size_t c = 0; c < columns; c += 8) {
      tile4x8 sum;
      if (inside.after) sum = inside.strict ? product_tile(t, c, tokens, &outside, &inside, 1, 1) : product_tile(t, c, tokens, &outside, &inside, 1, 0);
      else sum = inside.strict ? product_tile(t, c, tokens, &outside, &inside, 0, 1) : product_tile(t, c, tokens, &outside, &inside, 0, 0);
      float *to = out + t * out_stride + c;
      if (mode == BLOCK_SUBTRACT) sum = tile_negated(sum);
      tile_store(to, out_stride, mode == BLOCK_SET ? sum : tile_add(tile_load(to, out_stride), sum));
    }
  }
}
