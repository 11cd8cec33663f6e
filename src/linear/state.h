/* One head's state as it lies between calls: S and z as pairs (settle.h), both settled, and the last tokens, which wait
 * until S is written again: a step reads S and writes a row. */
#ifndef LA_STATE_H
#define LA_STATE_H

#include <math.h>

#include "base/rows.h"
#include "linear/call.h"

enum {
  STATE_PANEL = 8, /* columns of S that lie together in kernels */
  WAITING = 16, /* tokens that may wait */
  STRIP = 32,   /* columns of S that lie together, but for those that are left over */
};

/* S is in strips of columns, strip n of width w = min(STRIP, d_vp − STRIP·n) at s + STRIP·n·d_fp, [d_fp][w]. */
typedef struct {
  float *waiting;  /* how many tokens wait */
  float *exponent; /* S and z are to be multiplied by exp of it */
  float *seen;     /* 0: no key was, and exponent counts as −∞ */
  float *shifted;  /* 0: powers and fold are all 0 */
  float *powers;   /* [d_fp]: row i of S and z_i are to be multiplied by 2^powers[i] */
  float *fold;     /* [d_fp]: decay since what is settled, of the last token that waits */
  float *z, *z_rest;   /* [d_fp] */
  float *keys;         /* [WAITING][d_fp] */
  float *writes;       /* [WAITING][d_vp]: S lacks the sum of keyᵀwrite */
  float *s, *s_rest;
  size_t d_f, d_fp, d_vp;
} kept_state;

/* Points at the parts of one head's block; returns its floats. */
uint64_t kept_layout(kept_state *k, size_t features, size_t d_v, float *base);

/* How many tokens wait: whatever the caller's memory says, no more than there is room for. */
static inline size_t tokens_waiting(const kept_state *k) { return *k->waiting >= 1.0f && *k->waiting <= (float)WAITING ? (size_t)*k->waiting : 0; }

static inline float exponent_of_kept(const kept_state *k) { return *k->seen != 0.0f ? *k->exponent : -INFINITY; }

static inline void keep_exponent(const kept_state *k, float exponent) {
  *k->seen = exponent == -INFINITY ? 0.0f : 1.0f;
  *k->exponent = exponent == -INFINITY ? 0.0f : exponent;
}

/* The strip that a column is in: its place from s on, and its width. */
typedef struct {
  size_t at, width;
} strip;

static inline strip strip_of(const kept_state *k, size_t column) {
  size_t first = column / STRIP * STRIP;
  return (strip){first * k->d_fp, smaller(STRIP, k->d_vp - first)};
}

/* The head's state, whose s is NULL where none is kept. */
kept_state kept_of(const linear_call *call, size_t batch, size_t state_head);

/* The same parts of a block so many floats further on. */
static inline void move_kept(kept_state *k, size_t floats) {
  float **parts[] = {&k->waiting, &k->exponent, &k->seen, &k->shifted, &k->powers, &k->fold, &k->z, &k->z_rest, &k->keys, &k->writes, &k->s, &k->s_rest};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) *parts[i] += floats;
}

#endif
