/* The recurrence micro-kernel: S ← S + k uᵀ, o = Sᵀ q for one token on a strip of columns of S.
 *
 * Columns of S never meet, so a strip runs through all tokens of a block while it stays in cache. Share of the
 * 4×8 tile's rate at d = 64 (Zen 4, Node 20): one token × 16 columns 83 %, and 94 % with k and q interleaved, which
 * saves an address; two tokens × 8 columns 90 %; four tokens × 4 columns 75 %; chunks of 8 on the tile 85 %, with
 * the triangle that they add. */
#ifndef LA_RECURRENCE_H
#define LA_RECURRENCE_H

#include "rows.h"

enum { STRIP = 16 };

/* pairs[i] = k_i, q_i for four features. */
static inline void interleave_four(float *pairs, v4 k, v4 q) {
  v4_store(pairs, v4_zip_low(k, q));
  v4_store(pairs + 4, v4_zip_high(k, q));
}

/* 4·vectors columns of S, rows `stride` apart; update 0 leaves S as it is (a further query of the group). */
static inline void recur(float *s, size_t stride, size_t features, const float *pairs, const float *v, float factor, float *out,
                         const int vectors, const int update) {
  v4 v_c[4], o_c[4];
  for (int c = 0; c < vectors; c++) {
    v_c[c] = v4_load(v + 4 * c);
    o_c[c] = v4_splat(0.0f);
  }
  for (const float *end = pairs + 2 * features; pairs != end; pairs += 2, s += stride) {
    v4 k_i = v4_load_splat(pairs), q_i = v4_load_splat(pairs + 1);
    for (int c = 0; c < vectors; c++) {
      v4 s_c = v4_load(s + 4 * c);
      if (update) {
        s_c = v4_madd(k_i, v_c[c], s_c);
        v4_store(s + 4 * c, s_c);
      }
      o_c[c] = v4_madd(q_i, s_c, o_c[c]);
    }
  }
  for (int c = 0; c < vectors; c++) {
    v4 o = v4_mul(o_c[c], v4_splat(factor));
    v4_store(out + 4 * c, v4_add(o, v4_poison(o)));
  }
}

/* One column. */
static inline void recur_column(float *s, size_t stride, size_t features, const float *pairs, float v, float factor, float *out,
                                const int update) {
  float o = 0.0f;
  for (size_t i = 0; i < features; i++, s += stride) {
    if (update) *s += pairs[2 * i] * v;
    o += pairs[2 * i + 1] * *s;
  }
  o *= factor;
  *out = o + o * 0.0f;
}

#endif
