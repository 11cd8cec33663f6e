/* The recurrence micro-kernels: two tokens on a panel of eight columns of S, kept as a pair (settle.h).
 *
 * S is read before either token is written: with x = settled + lately, o₀ = xᵀq₀ + (q₀·k₀)u₀ and o₁ = xᵀq₁ + (q₁·k₀)u₀ +
 * (q₁·k₁)u₁, where the products of the two tokens with each other are worked out once for all columns (tokens.c).
 *
 * Columns of S never meet, so a panel runs through all tokens of a block while it stays in cache. */
#ifndef LA_RECURRENCE_H
#define LA_RECURRENCE_H

#include "base/rows.h"

typedef struct {
  float *s;          /* of the panel: [features][16], settled and lately */
  size_t features;
  const float *rows; /* of two tokens */
  const float *scores;  /* [4] of tokens.h */
  const float *v, *v_next;
  const float *factors; /* [2]: what results are multiplied by */
  const float *beta;    /* [2] */
  float recall;         /* what the delta rule multiplies Sᵀk by: 1 where k and S are not kept scaled */
  float *out, *out_next;
} recurrence;

static inline void store_result(float *out, v4 o, float factor) {
  o = v4_mul(o, v4_splat(factor));
  v4_store(out, v4_add(o, v4_poison(o)));
}

/* Eight columns of two tokens. */
typedef struct {
  v4 of[2][2];
} two_rows;

LA_INLINE void store_results(const recurrence *r, two_rows o, two_rows u) {
  for (int h = 0; h < 2; h++) {
    o.of[0][h] = v4_madd(v4_load_splat(r->scores), u.of[0][h], o.of[0][h]);
    o.of[1][h] = v4_madd(v4_load_splat(r->scores + 2), u.of[1][h], v4_madd(v4_load_splat(r->scores + 1), u.of[0][h], o.of[1][h]));
    store_result(r->out + 4 * h, o.of[0][h], r->factors[0]);
    store_result(r->out_next + 4 * h, o.of[1][h], r->factors[1]);
  }
}

/* The linear rule: u = v. */
LA_INLINE void recur(const recurrence *r, const size_t stride, const size_t next) {
  two_rows v, o;
  for (int h = 0; h < 2; h++) {
    v.of[0][h] = v4_load(r->v + 4 * h);
    v.of[1][h] = v4_load(r->v_next + 4 * h);
    o.of[0][h] = o.of[1][h] = v4_splat(0.0f);
  }
  float *s = r->s;
  for (const float *rows = r->rows, *end = rows + r->features; rows != end; rows++, s += 16) {
    v4 lately0 = v4_load(s + 8), lately1 = v4_load(s + 12), x0 = v4_add(v4_load(s), lately0), x1 = v4_add(v4_load(s + 4), lately1);
    v4 q0 = v4_load_splat(rows + stride), q1 = v4_load_splat(rows + next + stride);
    o.of[0][0] = v4_madd(q0, x0, o.of[0][0]);
    o.of[0][1] = v4_madd(q0, x1, o.of[0][1]);
    o.of[1][0] = v4_madd(q1, x0, o.of[1][0]);
    o.of[1][1] = v4_madd(q1, x1, o.of[1][1]);
    v4 k0 = v4_load_splat(rows), k1 = v4_load_splat(rows + next);
    v4_store(s + 8, v4_madd(k1, v.of[1][0], v4_madd(k0, v.of[0][0], lately0)));
    v4_store(s + 12, v4_madd(k1, v.of[1][1], v4_madd(k0, v.of[0][1], lately1)));
  }
  store_results(r, o, v);
}

/* The delta rule: u = beta·(v − Sᵀk). Two loops, since accumulators for Sᵀk and Sᵀq of two tokens and what they write do not
 * fit into sixteen registers together. */
LA_INLINE void recur_delta(const recurrence *r, const size_t stride, const size_t next, const size_t recalled) {
  two_rows k, o, u;
  for (int t = 0; t < 2; t++)
    for (int h = 0; h < 2; h++) k.of[t][h] = o.of[t][h] = v4_splat(0.0f);
  float *s = r->s;
  const float *rows = r->rows, *end = rows + r->features;
  for (; rows != end; rows++, s += 16) {
    v4 x0 = v4_add(v4_load(s), v4_load(s + 8)), x1 = v4_add(v4_load(s + 4), v4_load(s + 12));
    v4 k0 = v4_load_splat(rows + recalled), k1 = v4_load_splat(rows + next + recalled);
    k.of[0][0] = v4_madd(k0, x0, k.of[0][0]);
    k.of[0][1] = v4_madd(k0, x1, k.of[0][1]);
    k.of[1][0] = v4_madd(k1, x0, k.of[1][0]);
    k.of[1][1] = v4_madd(k1, x1, k.of[1][1]);
    v4 q0 = v4_load_splat(rows + stride), q1 = v4_load_splat(rows + next + stride);
    o.of[0][0] = v4_madd(q0, x0, o.of[0][0]);
    o.of[0][1] = v4_madd(q0, x1, o.of[0][1]);
    o.of[1][0] = v4_madd(q1, x0, o.of[1][0]);
    o.of[1][1] = v4_madd(q1, x1, o.of[1][1]);
  }
  v4 recall = v4_splat(r->recall), k1_k0 = v4_load_splat(r->scores + 3);
  for (int h = 0; h < 2; h++) {
    u.of[0][h] = v4_mul(v4_load_splat(r->beta), v4_nmadd(v4_mul(k.of[0][h], recall), recall, v4_load(r->v + 4 * h)));
    v4 recalled_next = v4_madd(k1_k0, u.of[0][h], k.of[1][h]);
    u.of[1][h] = v4_mul(v4_load_splat(r->beta + 1), v4_nmadd(v4_mul(recalled_next, recall), recall, v4_load(r->v_next + 4 * h)));
  }
  store_results(r, o, u);
  for (rows = r->rows, s = r->s + 8; rows != end; rows++, s += 16) {
    v4 k0 = v4_load_splat(rows), k1 = v4_load_splat(rows + next);
    v4_store(s, v4_madd(k1, u.of[1][0], v4_madd(k0, u.of[0][0], v4_load(s))));
    v4_store(s + 4, v4_madd(k1, u.of[1][1], v4_madd(k0, u.of[0][1], v4_load(s + 4))));
  }
}

#endif
