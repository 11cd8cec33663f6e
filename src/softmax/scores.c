#include "softmax/scores.h"

#include <math.h>

#include "base/exp.h"
#include "base/rows.h"
#include "softmax/sums.h"

enum { QUERIES = 8 };

static inline v4 v4_abs(v4 x) { return v4_max(x, v4_sub(v4_splat(0.0f), x)); }

/* Below 0.625 the continued fraction x/(1 + x²/(3 + x²/(5 + x²/(7 + x²/9)))), off by 1e-9; above 1 − 2/(e^2x + 1), whose
 * difference loses nothing there. */
static inline v4 v4_tanh(v4 x) {
  v4 square = v4_mul(x, x);
  v4 above = v4_mul(x, v4_add(v4_mul(v4_add(square, v4_splat(105.0f)), square), v4_splat(945.0f)));
  v4 below = v4_add(v4_mul(v4_add(v4_mul(square, v4_splat(15.0f)), v4_splat(420.0f)), square), v4_splat(945.0f));
  v4 bounded = v4_min(v4_max(x, v4_splat(-10.0f)), v4_splat(10.0f));
  v4 large = v4_sub(v4_splat(1.0f), v4_div(v4_splat(2.0f), v4_add(v4_exp(v4_add(bounded, bounded)), v4_splat(1.0f))));
  return v4_if_less(v4_abs(x), v4_splat(0.625f), v4_div(above, below), large);
}

/* A score that is not finite is NaN: the cap must not make a number of it. */
static inline v4 capped(v4 score, v4 cap) {
  score = v4_add(score, v4_poison(score));
  return v4_mul(v4_tanh(v4_div(score, cap)), cap);
}

int score_tile(const score_terms *t, float *scores, const size_t from[8], const size_t seen[8], uint8_t *hidden) {
  size_t first = from[0], end = seen[QUERIES - 1];
  int hides = 0;
  if (t->softcap > 0.0f) {
    v4 cap = v4_splat(t->softcap);
    for (size_t i = first * QUERIES; i < end * QUERIES; i += 4) v4_store(scores + i, capped(v4_load(scores + i), cap));
  }
  if (t->slope != 0.0f) {
    static const float lanes[QUERIES] = {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f};
    for (size_t j = first; j < end; j++) {
      v4 distance = v4_splat((float)(t->distance - (int64_t)j));
      for (size_t h = 0; h < QUERIES; h += 4) {
        float *four = scores + j * QUERIES + h;
        v4_store(four, v4_sub(v4_load(four), v4_mul(v4_splat(t->slope), v4_abs(v4_add(distance, v4_load(lanes + h))))));
      }
    }
  }
  if (!t->bias) return 0;
  memset(hidden + first, 0, end - first);
  for (size_t u = 0; u < t->rows; u++) {
    const float *bias = t->bias + u * t->bias_row;
    for (size_t j = from[u]; j < seen[u]; j++) {
      float *score = scores + j * QUERIES + u;
      if (bias[j] == -INFINITY) {
        *score = HIDDEN;
        hidden[j] |= (uint8_t)(1u << u);
        hides = 1;
      } else {
        *score += bias[j];
      }
    }
  }
  return hides;
}

void score_row(const score_terms *t, float *scores, size_t count) {
  if (t->softcap > 0.0f) {
    v4 cap = v4_splat(t->softcap);
    for (size_t j = count; j < round_up(count, 4); j++) scores[j] = 0.0f;
    for (size_t j = 0; j < count; j += 4) v4_store(scores + j, capped(v4_load(scores + j), cap));
  }
  for (size_t j = 0; t->slope != 0.0f && j < count; j++) {
    int64_t distance = t->distance - (int64_t)row_of_score(j, count);
    scores[j] -= t->slope * (float)(distance < 0 ? -distance : distance);
  }
  for (size_t j = 0; t->bias && j < count; j++) scores[j] += t->bias[row_of_score(j, count)];
  for (size_t j = 0; j < count; j++) scores[j] += scores[j] * 0.0f;
}

size_t keys_alike(const float *bias, size_t first, size_t end) {
  size_t j = first;
  while (j < end && (bias[j] == -INFINITY) == (bias[first] == -INFINITY)) j++;
  return j - first;
}
