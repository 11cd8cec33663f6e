/* The recurrence micro-kernels: S ← diag(a)·S + k uᵀ, o = Sᵀq for one or two tokens on a few columns of S.
 *
 * Columns of S never meet, so a panel of eight runs through all tokens of a block while it stays in cache. Share of the
 * 4×8 tile's rate at d = 64 (Zen 5, Node 20): two tokens × 8 columns 91 % (Sapphire Rapids 93 to 95 %), whether k and q
 * are interleaved or in rows a constant apart (85 % in rows a variable apart); one token × 16 columns 84 %; two tokens × 12 columns 87 %; four tokens
 * × 8 columns, 66 %, spill; features unrolled by two or four 65 and 56 %, spill as well. Chunks on the tile itself would
 * reach 99 % but do 17 % more work. With decay, two tokens × 8 columns 69 %: five operations for four. */
#ifndef LA_RECURRENCE_H
#define LA_RECURRENCE_H

#include "base/rows.h"

typedef struct {
  float *s;          /* first of the columns; rows s_stride apart */
  size_t s_stride, features;
  const float *rows; /* a token's k, q and, when gated, a: `stride` apart; the next token's follow */
  const float *v;    /* of the first token; the next v_stride apart */
  size_t v_stride;
  const float *factors; /* a token each: what its result is multiplied by */
  float recall;         /* what the delta rule multiplies Sᵀk by, twice: 1 where k and S are not kept scaled */
  float *out;
  size_t out_stride;
} recurrence;

static inline void store_result(float *out, v4 o, float factor) {
  o = v4_mul(o, v4_splat(factor));
  v4_store(out, v4_add(o, v4_poison(o)));
}

/* The linear rule on 4·vectors columns; update 0 leaves S as it is (a further query of the group). */
static inline void recur(recurrence r, const size_t stride, const int tokens, const int vectors, const int gated, const int update) {
  LA_ASSERT(tokens >= 1 && tokens <= 2 && vectors <= 4 && r.features <= stride);
  const size_t next = (size_t)(2 + gated) * stride;
  v4 v[2][4], o[2][4];
  for (int t = 0; t < tokens; t++)
    for (int c = 0; c < vectors; c++) {
      v[t][c] = v4_load(r.v + (size_t)t * r.v_stride + 4 * c);
      o[t][c] = v4_splat(0.0f);
    }
  for (const float *end = r.rows + r.features; r.rows != end; r.rows++, r.s += r.s_stride) {
    v4 k[2], q[2], a[2];
    for (int t = 0; t < tokens; t++) {
      k[t] = v4_load_splat(r.rows + (size_t)t * next);
      q[t] = v4_load_splat(r.rows + (size_t)t * next + stride);
      a[t] = gated ? v4_load_splat(r.rows + (size_t)t * next + 2 * stride) : k[t];
    }
    for (int c = 0; c < vectors; c++) {
      v4 s = v4_load(r.s + 4 * c);
      for (int t = 0; t < tokens; t++) {
        if (gated && update) s = v4_mul(a[t], s);
        if (update) s = v4_madd(k[t], v[t][c], s);
        if (update && t == tokens - 1) v4_store(r.s + 4 * c, s);
        o[t][c] = v4_madd(q[t], s, o[t][c]);
      }
    }
  }
  for (int t = 0; t < tokens; t++)
    for (int c = 0; c < vectors; c++) store_result(r.out + (size_t)t * r.out_stride + 4 * c, o[t][c], r.factors[t]);
}

/* What the delta rule has still to add to S: the token's k times u. Adding it during the next token's pass saves a pass. */
typedef struct {
  const float *key;
  v4 u[4];
} pending_write;

static inline pending_write nothing_pending(const float *key) {
  return (pending_write){key, {v4_splat(0.0f), v4_splat(0.0f), v4_splat(0.0f), v4_splat(0.0f)}};
}

/* The delta rule, one token on 4·vectors columns: u = beta·(v − Sᵀk) on the decayed S, out = Sᵀq + (k·q)u. */
static inline void recur_delta(recurrence r, const size_t stride, pending_write *pending, float beta, float k_dot_q, const int vectors, const int gated) {
  v4 recalled[4], o[4];
  for (int c = 0; c < vectors; c++) recalled[c] = o[c] = v4_splat(0.0f);
  const float *key = r.rows, *before = pending->key;
  for (const float *end = r.rows + r.features; r.rows != end; r.rows++, before++, r.s += r.s_stride) {
    v4 k = v4_load_splat(r.rows), q = v4_load_splat(r.rows + stride), k_before = v4_load_splat(before);
    v4 a = gated ? v4_load_splat(r.rows + 2 * stride) : k;
    for (int c = 0; c < vectors; c++) {
      v4 s = v4_madd(k_before, pending->u[c], v4_load(r.s + 4 * c));
      if (gated) s = v4_mul(a, s);
      v4_store(r.s + 4 * c, s);
      recalled[c] = v4_madd(k, s, recalled[c]);
      o[c] = v4_madd(q, s, o[c]);
    }
  }
  pending->key = key;
  v4 recall = v4_splat(r.recall);
  for (int c = 0; c < vectors; c++) {
    pending->u[c] = v4_mul(v4_splat(beta), v4_nmadd(v4_mul(recalled[c], recall), recall, v4_load(r.v + 4 * c)));
    store_result(r.out + 4 * c, v4_madd(v4_splat(k_dot_q), pending->u[c], o[c]), r.factors[0]);
  }
}

/* Adds what is pending: after the last token. */
static inline void write_pending(float *s, size_t s_stride, size_t features, const pending_write *pending, const int vectors) {
  for (size_t i = 0; i < features; i++, s += s_stride)
    for (int c = 0; c < vectors; c++) v4_store(s + 4 * c, v4_madd(v4_load_splat(pending->key + i), pending->u[c], v4_load(s + 4 * c)));
}

#endif
