/* The sums of softmax over the keys seen so far, of a block of queries: Σ p and Σ p·v with p = exp(score − maximum).
 *
 * A float32 sum of a million equal terms is off by a few percent, since every addition rounds alike. Each sum is therefore
 * kept as a pair, what is settled and what came lately: kernels add a block of keys, summed from zero, to `recent`, and
 * sums_settle, every SETTLE_KEYS keys, moves all of it that fits into `settled`; the exact remainder stays in `recent`.
 *
 * `maximum` is the largest score that mattered: it follows a score only when that is RAISE above it. A row is so brought to
 * a new maximum seldom, and each time what it holds shrinks e^RAISE times and takes its rounding along; scores that rise a
 * little with every key would otherwise round what is held at every step. */
#ifndef LA_SUMS_H
#define LA_SUMS_H

#include <float.h>
#include <math.h>

#include "base/exp.h"
#include "base/rows.h"

enum { SETTLE_KEYS = 1024 };

#define RAISE 2.0f

/* The score of a key that a query of a tile does not see. */
#define HIDDEN (-FLT_MAX)

typedef struct {
  float *recent, *settled;         /* [rows][width]: Σ p·v */
  float *recent_sum, *settled_sum; /* [rows]: Σ p */
  float *maximum;                  /* [rows]; −∞: no key seen */
  float *largest;                  /* [rows]: the largest score, where it is asked for; else NULL */
  size_t rows, width;              /* multiples of 4 */
} softmax_sums;

/* No key seen. */
void sums_clear(const softmax_sums *s);

/* Brings a row to the maximum that scores up to `most` ask for. */
void sums_raise(const softmax_sums *s, size_t row, float most);

void sums_settle(const softmax_sums *s);

/* out[0..count) ← Σ p·v / Σ p of a row, 0 where no key was seen; infinities become NaN. */
void sums_write(const softmax_sums *s, size_t row, float *out, size_t count);

/* The largest score of a row and Σ exp(score − largest), each where it is wanted. */
void sums_write_part(const softmax_sums *s, size_t row, float *maximum, float *sum);

#endif
