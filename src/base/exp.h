/* exp on four lanes for arguments ≤ 88.
 *
 * exp(x) = 2^t with t = x·log2 e in one float, t = n + f with |f| ≤ ½. 2^f is a polynomial of degree 5 that is 1 at 0,
 * fitted for the least relative error, 1.1e-7; 2^n comes from the exponent bits: rounding to n adds 1.5·2²³ + 127, which
 * leaves n + 127 in the low bits of the sum. It is a factor, and not added to the bits of 2^f, so that NaN stays NaN.
 * t is off by half a unit in its last place, and exp(x) therefore by |x|·6e-8 at the worst, which softmax and elu can bear:
 * ln 2 in two parts would keep 1.5 ulp everywhere and take 15 % longer (25 % where operations are fused).
 *
 * Error ≤ 5 ulp for −5 ≤ x ≤ 0, ≤ 20 for −20 ≤ x ≤ 5, ≤ 64 for −87.33 ≤ x; exactly 1 at 0; 0 below −87.69; NaN gives NaN. */
#ifndef LA_EXP_H
#define LA_EXP_H

#include <math.h>

#include "base/simd.h"

typedef struct {
  float log2_e, least, magic, factor[6]; /* factor[i] of f^i */
} exp_terms;

/* In memory (exp.c): V8 since 2024 makes a vector that is written as a constant anew, in three instructions, at each use. */
extern const exp_terms exp_term;

static inline v4 v4_exp(v4 x) {
  const v4 magic = v4_load_splat(&exp_term.magic);
  v4 t = v4_max(v4_mul(x, v4_load_splat(&exp_term.log2_e)), v4_load_splat(&exp_term.least));
  v4 biased = v4_add(t, magic);
  v4 f = v4_sub(t, v4_sub(biased, magic));
  v4 p = v4_load_splat(&exp_term.factor[5]);
  for (int i = 4; i >= 0; i--) p = v4_madd(p, f, v4_load_splat(&exp_term.factor[i]));
  return v4_mul(p, v4_shl23(biased));
}

/* exp of any number: what is past the largest float is infinite. */
static inline float exp_of(float x) { return x > 88.0f ? INFINITY : v4_lane0(v4_exp(v4_splat(x))); }

#endif
