#include "learn/pairs.h"

void pair_block_index(pair_block *b) {
  b->skips = 0;
  for (size_t j = 0, first = 0, last = 0; j < b->keys; j++) {
    while (first < b->queries && b->seen[first] <= j) first++;
    while (last < b->queries && b->from[last] <= j) last++;
    b->first[j] = first;
    b->last[j] = last;
  }
}

void pair_block_set(pair_block *b, size_t t, size_t keys, size_t at, size_t queries, int causal) {
  b->keys = keys;
  b->queries = queries;
  for (size_t i = 0; i < queries; i++) {
    size_t end = at + i + 1;
    b->from[i] = 0;
    b->seen[i] = !causal ? keys : end > t ? smaller(end - t, keys) : 0;
  }
  pair_block_index(b);
}

/* Adds a tile to rows of the caller's, of which there may be fewer, or fewer columns. */
static void add_tile(float *out, size_t row, tile4x8 sum, size_t rows, size_t columns) {
  if (rows >= 4 && columns >= 8) {
    tile_store(out, row, tile_add(tile_load(out, row), sum));
    return;
  }
  float full[4 * 8];
  tile_store(full, 8, sum);
  for (size_t r = 0; r < smaller(rows, 4); r++) add_to(out + r * row, full + 8 * r, smaller(columns, 8));
}

/* Row r of a tile, the key or the query `at`, times rows first … last − 1 of the others, but those hidden from each other. */
static void row_visible(const pair_block *b, tile4x8 *c, size_t r, int of_keys, size_t at, size_t first, size_t last, const float *pairs, size_t step, const float *rows, size_t row) {
  for (size_t i = first; i < last; i++)
    if (of_keys ? !is_hidden(b, at, i) : !is_hidden(b, i, at)) row_outer(c, r, i, i + 1, pairs, step, rows, row);
}

/* As tile_spans, in the same order, without what is hidden: of keys from `at` on, or of queries. */
static tile4x8 tile_visible(const pair_block *b, int of_keys, size_t at, const row_spans *s, const float *pairs, const float *rows, size_t row) {
  size_t count = of_keys ? b->keys : b->queries, next = of_keys ? PAIR_ROW : 1, step = of_keys ? 1 : PAIR_ROW;
  int share = s->first[3] < s->last[0];
  tile4x8 c = tile_zero();
  for (size_t r = 0; r < 4 && at + r < count; r++, pairs += next) {
    size_t first = share ? s->first[3] : s->first[r], last = share ? s->last[0] : s->last[r];
    row_visible(b, &c, r, of_keys, at + r, first, last, pairs, step, rows, row);
    row_visible(b, &c, r, of_keys, at + r, s->first[r], first, pairs, step, rows, row);
    row_visible(b, &c, r, of_keys, at + r, last, s->last[r], pairs, step, rows, row);
  }
  return c;
}

/* Panels of columns outside: the rows of one stay in the first-level cache while all tiles go by. */
void pairs_to_keys(const pair_block *b, const float *pairs, const float *rows, size_t row, float *out, size_t out_row, size_t columns) {
  for (size_t c = 0; c < columns; c += 8) {
    for (size_t j = 0; j < b->keys; j += 4) {
      row_spans spans;
      for (size_t r = 0; r < 4; r++) {
        spans.first[r] = b->first[smaller(j + r, b->keys - 1)];
        spans.last[r] = b->last[smaller(j + r, b->keys - 1)];
      }
      const float *own = pairs + j * PAIR_ROW;
      tile4x8 sum = b->skips ? tile_visible(b, 1, j, &spans, own, rows + c, row) : tile_spans(tile_zero(), &spans, own, PAIR_ROW, 1, rows + c, row);
      add_tile(out + j * out_row + c, out_row, sum, b->keys - j, columns - c);
    }
  }
}

void pairs_to_queries(const pair_block *b, const float *pairs, const float *rows, size_t row, float *out, size_t out_row, size_t columns) {
  for (size_t c = 0; c < columns; c += 8) {
    for (size_t i = 0; i < b->queries; i += 4) {
      row_spans spans;
      for (size_t r = 0; r < 4; r++) {
        spans.first[r] = b->from[smaller(i + r, b->queries - 1)];
        spans.last[r] = b->seen[smaller(i + r, b->queries - 1)];
      }
      tile4x8 sum = b->skips ? tile_visible(b, 0, i, &spans, pairs + i, rows + c, row) : tile_spans(tile_zero(), &spans, pairs + i, 1, PAIR_ROW, rows + c, row);
      add_tile(out + i * out_row + c, out_row, sum, b->queries - i, columns - c);
    }
  }
}
