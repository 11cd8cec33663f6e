#include "softmax/tiles.h"

#include "base/span.h"

void pack_values(float *panels, const float *v, size_t stride, size_t count, size_t d_v) {
  for (size_t c = 0; c < d_v; c += 8, panels += TILE_KEYS * 8) {
    if (d_v - c < 8) {
      copy_rows(panels, 8, v + c, stride, count, d_v - c);
      return;
    }
    for (size_t j = 0; j < count; j++) {
      v4_store(panels + j * 8, v4_load(v + j * stride + c));
      v4_store(panels + j * 8 + 4, v4_load(v + j * stride + c + 4));
    }
  }
}

int values_are_finite(const float *panels, size_t columns, size_t count) {
  for (size_t c = 0; c < columns; c += 8, panels += TILE_KEYS * 8)
    if (!span_is_finite(panels, count * 8)) return 0;
  return 1;
}

/* weights[j][u] = score of query u and key j; what is not seen, up to a multiple of 4 keys, is less than any score. Of keys
 * that a bias hides hidden[j] has bit u; returns whether there are some. */
static int score_keys(const tile_block *b, const float *q, const size_t from[], const size_t seen[], size_t count, const score_terms *terms, uint8_t hidden[]) {
  for (size_t j = 0; j < count; j += 4)
    tile_store(b->weights + j * TILE_QUERIES, TILE_QUERIES, tile_outer_panels(tile_zero(), b->d, b->k + j * b->d, q));
  int hides = terms ? score_tile(terms, b->weights, from, seen, hidden) : 0;
  for (size_t u = 0; u < TILE_QUERIES; u++) {
    for (size_t j = 0; j < from[u]; j++) b->weights[j * TILE_QUERIES + u] = HIDDEN;
    for (size_t j = seen[u]; j < count; j++) b->weights[j * TILE_QUERIES + u] = HIDDEN;
  }
  return hides;
}

/* Scores become p, and are added up. */
static void weigh(const softmax_sums *s, size_t row, float *weights, size_t count) {
  v4 most[2], least[2], shift[2], total[2];
  float *maximum = s->maximum + row, *sum = s->recent_sum + row;
  for (size_t h = 0; h < 2; h++) {
    most[h] = least[h] = v4_load(weights + 4 * h);
    total[h] = v4_splat(0.0f);
  }
  for (size_t j = 1; j < count; j++) {
    for (size_t h = 0; h < 2; h++) {
      v4 score = v4_load(weights + j * TILE_QUERIES + 4 * h);
      most[h] = v4_max(most[h], score);
      least[h] = v4_min(least[h], score);
    }
  }
  /* Written so that NaN, which is of its row alone, counts as a rise. */
  v4 rise = v4_max(v4_sub(most[0], v4_load(maximum)), v4_sub(most[1], v4_load(maximum + 4)));
  if (!(v4_max_lane(rise) <= RAISE)) {
    float top[TILE_QUERIES];
    for (size_t h = 0; h < 2; h++) v4_store(top + 4 * h, most[h]);
    for (size_t u = 0; u < TILE_QUERIES; u++) {
      sums_raise(s, row + u, top[u]);
      /* A row that has seen no key yet: all of its scores are hidden, and weigh nothing. */
      top[u] = maximum[u] == -INFINITY ? 0.0f : maximum[u];
    }
    for (size_t h = 0; h < 2; h++) shift[h] = v4_load(top + 4 * h);
  } else {
    for (size_t h = 0; h < 2; h++) shift[h] = v4_load(maximum + 4 * h);
  }
  for (size_t h = 0; s->largest && h < 2; h++) v4_store(s->largest + row + 4 * h, v4_max(v4_load(s->largest + row + 4 * h), most[h]));
  for (size_t j = 0; j < count; j += 2) {
    v4 p[4];
    float *two = weights + j * TILE_QUERIES;
    for (size_t n = 0; n < 4; n++) p[n] = v4_exp(v4_sub(v4_load(two + 4 * n), shift[n % 2]));
    for (size_t n = 0; n < 4; n++) v4_store(two + 4 * n, p[n]);
    for (size_t h = 0; h < 2; h++) total[h] = v4_add(total[h], v4_add(p[h], p[2 + h]));
  }
  /* An infinite key may give a score of −∞, which would pass for a key that weighs nothing. */
  for (size_t h = 0; h < 2; h++) v4_store(sum + 4 * h, v4_add(v4_load(sum + 4 * h), v4_add(total[h], v4_poison(least[h]))));
}

/* sum + p·v over keys first … end − 1 of one row of a tile. */
static inline void add_keys(v4 sum[2], const float *weights, const float *panel, size_t first, size_t end) {
  for (size_t j = first; j < end; j++) {
    v4 p = v4_load_splat(weights + j * TILE_QUERIES);
    for (size_t h = 0; h < 2; h++) sum[h] = v4_madd(p, v4_load(panel + j * 8 + 4 * h), sum[h]);
  }
}

/* Rows share the keys that all four see; what else each of them sees follows one by one, because a weight of 0 times a
 * value that is not finite would not be 0. */
static void add_values(const softmax_sums *s, size_t row, const tile_block *b, const float *weights, const size_t from[], const size_t seen[]) {
  size_t first = from[3], end = first < seen[0] ? seen[0] : first;
  for (size_t c = 0; c < s->width; c += 8) {
    const float *panel = b->v + c * TILE_KEYS;
    float *out = s->recent + row * s->width + c;
    tile4x8 sum = tile_outer(tile_zero(), end - first, weights + first * TILE_QUERIES, 1, TILE_QUERIES, panel + first * 8, 8);
    if (first > 0)
      for (size_t r = 0; r < 4; r++) add_keys(sum.row[r], weights + r, panel, from[r], smaller(first, seen[r]));
    if (end < seen[3])
      for (size_t r = 0; r < 4; r++) add_keys(sum.row[r], weights + r, panel, end, seen[r]);
    tile_store(out, s->width, tile_add(tile_load(out, s->width), sum));
  }
}

/* The same in the same order, key by key, without those of hidden[], of which bit `lane` is the first row's: values that are not
 * finite may be among them. */
static void add_visible(const softmax_sums *s, size_t row, size_t lane, size_t rows, const tile_block *b, const size_t from[], const size_t seen[], const uint8_t hidden[]) {
  size_t first = from[3], end = first < seen[0] ? seen[0] : first;
  for (size_t r = 0; r < smaller(rows, 4); r++) {
    const size_t parts[3][2] = {{first, end}, {from[r], smaller(first, seen[r])}, {end, seen[r]}};
    for (size_t c = 0; c < s->width; c += 8) {
      float *out = s->recent + (row + r) * s->width + c;
      v4 sum[2] = {v4_splat(0.0f), v4_splat(0.0f)};
      for (size_t n = 0; n < 3; n++)
        for (size_t j = parts[n][0]; j < parts[n][1]; j++)
          if (!(hidden[j] >> (lane + r) & 1)) add_keys(sum, b->weights + lane + r, b->v + c * TILE_KEYS, j, j + 1);
      for (size_t h = 0; h < 2; h++) v4_store(out + 4 * h, v4_add(v4_load(out + 4 * h), sum[h]));
    }
  }
}

void attend_tile(const softmax_sums *s, size_t row, size_t rows, const float *q, const tile_block *b, const size_t from[TILE_QUERIES],
                 const size_t seen[TILE_QUERIES], const score_terms *terms) {
  size_t count = round_up(seen[TILE_QUERIES - 1], 4);
  uint8_t hidden[TILE_KEYS];
  if (count == 0) return;
  int hides = score_keys(b, q, from, seen, count, terms, hidden);
  weigh(s, row, b->weights, count);
  for (size_t r = 0; r < rows; r += 4) {
    if (seen[r + 3] == 0) continue;
    if (hides && !b->is_finite) add_visible(s, row + r, r, rows - r, b, from + r, seen + r, hidden);
    else add_values(s, row + r, b, b->weights + r, from + r, seen + r);
  }
}
