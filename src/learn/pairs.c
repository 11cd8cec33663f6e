#include "learn/pairs.h"

void pair_block_set(pair_block *b, size_t t, size_t keys, size_t at, size_t queries, int causal, size_t offset) {
  b->keys = keys;
  b->queries = queries;
  for (size_t i = 0; i < queries; i++) {
    size_t end = at + i + offset + 1;
    b->seen[i] = !causal ? keys : end > t ? smaller(end - t, keys) : 0;
  }
  for (size_t j = 0, i = 0; j < keys; j++) {
    while (i < queries && b->seen[i] <= j) i++;
    b->first[j] = i;
  }
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

/* Panels of columns outside: the rows of one stay in the first-level cache while all tiles go by. */
void pairs_to_keys(const pair_block *b, const float *pairs, const float *rows, size_t row, float *out, size_t out_row, size_t columns) {
  for (size_t c = 0; c < columns; c += 8) {
    for (size_t j = 0; j < b->keys; j += 4) {
      row_spans spans;
      for (size_t r = 0; r < 4; r++) {
        spans.first[r] = b->first[smaller(j + r, b->keys - 1)];
        spans.last[r] = b->queries;
      }
      add_tile(out + j * out_row + c, out_row, tile_spans(tile_zero(), &spans, pairs + j * PAIR_ROW, PAIR_ROW, 1, rows + c, row), b->keys - j, columns - c);
    }
  }
}

void pairs_to_queries(const pair_block *b, const float *pairs, const float *rows, size_t row, float *out, size_t out_row, size_t columns) {
  for (size_t c = 0; c < columns; c += 8) {
    for (size_t i = 0; i < b->queries; i += 4) {
      row_spans spans;
      for (size_t r = 0; r < 4; r++) {
        spans.first[r] = 0;
        spans.last[r] = b->seen[smaller(i + r, b->queries - 1)];
      }
      add_tile(out + i * out_row + c, out_row, tile_spans(tile_zero(), &spans, pairs + i, 1, PAIR_ROW, rows + c, row), b->queries - i, columns - c);
    }
  }
}
