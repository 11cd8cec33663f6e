/* The pair. A sum of ever more tokens in one float32 drifts: where tokens repeat, every addition rounds the same way. So
 * each element of S and z is two floats, what is settled and what came lately, and is their sum:
 *
 *     S = settled + lately.
 *
 * Tokens are added to `lately`, which stays short. Every SETTLE_EVERY tokens or sooner it is settled: t = settled + lately
 * as float32 has it, lately becomes lately − (t − settled), which is exact where settled is the larger, and settled
 * becomes t. After 2^24 equal tokens 1e-6 is off.
 *
 * Decay is not applied token by token. Between settlings tokens are brought to the decay since the last one (fold.h), and
 * settling takes S and z along by its sum, `due`: by adding expm1(due) times them to `lately` where that is little, so
 * that a decay of 1e-6, which float32 cannot tell from 1, is not lost; else by multiplying with exp(due). */
#ifndef LA_SETTLE_H
#define LA_SETTLE_H

#include "base/exp.h"
#include "base/rows.h"

enum { SETTLE_EVERY = 128 };

/* What settling does with one feature: settled ← keep·settled + y, y = keep·lately + move·(settled + lately). */
typedef struct {
  v4 keep, move;
} settling;

#define LITTLE 0.5f /* up to where the series below is exact */

/* exp(x) − 1 for |x| ≤ LITTLE, by its series. */
static inline v4 v4_expm1(v4 x) {
  v4 sum = v4_splat(1.0f / 8);
  for (int n = 7; n >= 2; n--) sum = v4_mul(v4_madd(x, sum, v4_splat(1.0f)), v4_splat(1.0f / (float)n));
  return v4_madd(v4_mul(x, x), sum, x);
}

/* keep and move of four features. exp(due) is 0 of −∞. */
static inline void settle_coefficients(float *keep, float *move, const float *due) {
  float little[4];
  for (int l = 0; l < 4; l++) {
    int is_little = due[l] >= -LITTLE && due[l] <= LITTLE;
    keep[l] = is_little ? 1.0f : 0.0f;
    little[l] = is_little ? due[l] : 0.0f;
  }
  v4 k = v4_load(keep);
  v4_store(move, v4_add(v4_mul(k, v4_expm1(v4_load(little))), v4_mul(v4_sub(v4_splat(1.0f), k), v4_exp(v4_load(due)))));
}

/* Four elements, to which `added` comes first. */
static inline void settle(float *settled, float *lately, settling how, v4 added) {
  v4 x = v4_load(settled), y = v4_add(v4_load(lately), added), base = v4_mul(how.keep, x);
  y = v4_madd(how.move, v4_add(x, y), v4_mul(how.keep, y));
  v4 sum = v4_add(base, y);
  v4_store(settled, sum);
  v4_store(lately, v4_sub(y, v4_sub(sum, base)));
}

#endif
