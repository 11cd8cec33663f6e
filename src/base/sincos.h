/* sin and cos on four lanes.
 *
 * x = n·π + r with |r| ≤ π/2 (Cody & Waite 1980: π in three parts, so that n·part is exact below n = 2¹²), then one odd and
 * one even polynomial, interpolated at Chebyshev's nodes. Half turns instead of quarters cost two coefficients more, and
 * save choosing between the two by the quadrant, for which simd.h has no operation.
 *
 * Error ≤ 1.2e-7 for |x| ≤ 8192; beyond, where float32 has lost the fraction of a turn, still within [−1, 1]; NaN gives
 * NaN. */
#ifndef LA_SINCOS_H
#define LA_SINCOS_H

#include "base/simd.h"

static inline void v4_sincos(v4 x, v4 *sin, v4 *cos) {
  const v4 magic = v4_splat(12582912.0f), half_pi = v4_splat(1.57079637f), one = v4_splat(1.0f);
  v4 n = v4_sub(v4_madd(x, v4_splat(0.318309886f), magic), magic);
  v4 odd = v4_nmadd(v4_splat(2.0f), v4_sub(v4_madd(n, v4_splat(0.5f), magic), magic), n);
  v4 sign = v4_nmadd(v4_splat(2.0f), v4_mul(odd, odd), one);
  v4 r = v4_nmadd(n, v4_splat(1.50995799e-7f), v4_nmadd(n, v4_splat(9.67502594e-4f), v4_nmadd(n, v4_splat(3.140625f), x)));
  r = v4_max(v4_min(r, half_pi), v4_sub(v4_splat(0.0f), half_pi));
  v4 t = v4_mul(r, r);
  v4 s = v4_madd(t, v4_madd(t, v4_madd(t, v4_splat(2.63470906e-6f), v4_splat(-1.98227252e-4f)), v4_splat(8.33324157e-3f)), v4_splat(-0.166666657f));
  v4 c = v4_madd(t, v4_madd(t, v4_madd(t, v4_splat(-2.62970246e-7f), v4_splat(2.47745593e-5f)), v4_splat(-1.38886517e-3f)), v4_splat(4.16666605e-2f));
  *sin = v4_mul(sign, v4_madd(v4_mul(r, t), s, r));
  *cos = v4_mul(sign, v4_madd(t, v4_madd(t, c, v4_splat(-0.5f)), one));
}

#endif
