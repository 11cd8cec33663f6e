#include "learn/softmax_pairs.h"

/* Each of the passes over a block is a function of its own: in one, an engine's compiler runs out of registers. */
static __attribute__((noinline)) void score_products(const softmax_pairs *w, const pair_block *b) {
  for (size_t j = 0; j < b->keys; j += 4)
    for (size_t i = first_panel(b, j), end = last_query(b, j); i < end; i += 8)
      tile_store(w->p + j * PAIR_ROW + i, PAIR_ROW, tile_outer_panels(tile_zero(), w->d, w->k + j * w->d, w->q + i * w->d));
}

/* How scores that were capped change with what they were: 1 − (score/cap)². */
static void take_slopes(const softmax_pairs *w, size_t i, size_t first, size_t end, float cap) {
  v4 one = v4_splat(1.0f), inverse = v4_splat(1.0f / cap);
  for (size_t j = first; j < end; j++) {
    for (size_t h = 0; h < 8; h += 4) {
      v4 x = v4_mul(v4_load(w->scores + j * 8 + h), inverse);
      v4_store(w->slopes + j * PAIR_ROW + i + h, v4_sub(one, v4_mul(x, x)));
    }
  }
}

/* Scores that are more than products, a panel of queries after the other, as attend_tile makes them; returns whether a bias hides some. */
static int score_panels(const softmax_pairs *w, const la_softmax_args *a, const query_rows *queries, const key_rows *keys, pair_block *b) {
  int hides = 0;
  for (size_t i = 0; i < b->queries; i += 8) {
    size_t from[8], seen[8], here = smaller(8, b->queries - i);
    for (size_t u = 0; u < 8; u++) {
      from[u] = b->from[i + smaller(u, here - 1)];
      seen[u] = b->seen[i + smaller(u, here - 1)];
    }
    size_t first = from[0], end = seen[7];
    for (size_t j = first / 4 * 4; j < end; j += 4) tile_store(w->scores + j * 8, 8, tile_outer_panels(tile_zero(), w->d, w->k + j * w->d, w->q + i * w->d));
    score_terms all = terms_at(a, queries, keys, queries->first + i, 0, here), cap = {.softcap = all.softcap};
    if (cap.softcap > 0.0f) {
      score_tile(&cap, w->scores, from, seen, b->hidden[i / 8]);
      take_slopes(w, i, first, end, cap.softcap);
      all.softcap = 0.0f;
    }
    hides |= score_tile(&all, w->scores, from, seen, b->hidden[i / 8]);
    for (size_t j = first; j < end; j++)
      for (size_t h = 0; h < 8; h += 4) v4_store(w->p + j * PAIR_ROW + i + h, v4_load(w->scores + j * 8 + h));
  }
  return hides;
}

static __attribute__((noinline)) void weigh_pairs(const softmax_pairs *w, const pair_block *b) {
  for (size_t j = 0; j < b->keys; j++) {
    float *p = w->p + j * PAIR_ROW;
    for (size_t i = first_panel(b, j / 4 * 4), end = last_query(b, j / 4 * 4); i < end; i += 8) {
      v4 x = v4_exp(v4_sub(v4_load(p + i), v4_load(w->log_sum + i))), y = v4_exp(v4_sub(v4_load(p + i + 4), v4_load(w->log_sum + i + 4)));
      v4_store(p + i, x);
      v4_store(p + i + 4, y);
    }
  }
}

static __attribute__((noinline)) void change_pairs(const softmax_pairs *w, const pair_block *b) {
  for (size_t j = 0; j < b->keys; j += 4) {
    for (size_t i = first_panel(b, j), end = last_query(b, j); i < end; i += 8) {
      tile4x8 change = tile_outer_panels(tile_zero(), w->d_v, w->v + j * w->d_v, w->out + i * w->d_v);
      const float *p = w->p + j * PAIR_ROW + i;
      for (size_t r = 0; r < 4; r++)
        for (size_t c = 0; c < 2; c++) change.row[r][c] = v4_mul(v4_load(p + r * PAIR_ROW + 4 * c), v4_sub(change.row[r][c], v4_load(w->product + i + 4 * c)));
      tile_store(w->d_score + j * PAIR_ROW + i, PAIR_ROW, change);
    }
  }
}

/* What is hidden weighs nothing, whatever its key holds. */
static void clear_hidden(const pair_block *b, float *pairs) {
  for (size_t i = 0; i < b->queries; i++)
    for (size_t j = b->from[i]; j < b->seen[i]; j++)
      if (is_hidden(b, j, i)) pairs[j * PAIR_ROW + i] = 0.0f;
}

static void add_bias(const softmax_pairs *w, const pair_block *b, float *bias, size_t row) {
  for (size_t i = 0; i < b->queries; i++)
    for (size_t j = b->from[i]; j < b->seen[i]; j++) bias[i * row + j] += w->d_score[j * PAIR_ROW + i];
}

/* A slope is subtracted times the distance, which `distance` is of the first query and key. */
static void add_slope(const softmax_pairs *w, const pair_block *b, int64_t distance, double *slope) {
  for (size_t i = 0; i < b->queries; i++) {
    for (size_t j = b->from[i]; j < b->seen[i]; j++) {
      int64_t here = distance + (int64_t)i - (int64_t)j;
      *slope -= (double)w->d_score[j * PAIR_ROW + i] * (double)(here < 0 ? -here : here);
    }
  }
}

static void cap_changes(const softmax_pairs *w, const pair_block *b) {
  for (size_t j = 0; j < b->keys; j++) {
    float *d_score = w->d_score + j * PAIR_ROW, *slopes = w->slopes + j * PAIR_ROW;
    for (size_t i = b->first[j]; i < b->last[j]; i++) d_score[i] *= slopes[i];
  }
}

int make_softmax_pairs(const softmax_pairs *w, const la_softmax_args *a, const query_rows *queries, const key_rows *keys, pair_block *block, score_gradient gradient) {
  int hides = 0;
  if (has_terms(a)) hides = score_panels(w, a, queries, keys, block);
  else score_products(w, block);
  weigh_pairs(w, block);
  if (hides) clear_hidden(block, w->p);
  change_pairs(w, block);
  if (hides) clear_hidden(block, w->d_score);
  if (gradient.bias) add_bias(w, block, gradient.bias, gradient.bias_row);
  if (gradient.slope) add_slope(w, block, terms_at(a, queries, keys, queries->first, 0, 1).distance, gradient.slope);
  if (a->softcap > 0.0f) {
    cap_changes(w, block);
    if (hides) clear_hidden(block, w->d_score);
  }
  return hides;
}
