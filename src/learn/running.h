/* A matrix that grows by outer products of one block of tokens after the other, and beside it a sum of keys or queries: the
 * state S and z forwards, their gradients backwards. Each element is a pair as in linear/settle.h, settled after every
 * block, so that what is read is the sum to a float's rounding however many blocks came. */
#ifndef LA_RUNNING_H
#define LA_RUNNING_H

#include "base/rows.h"

typedef struct {
  size_t d_f, d_v;       /* features and columns of values that count */
  size_t width;          /* columns of values, up to whole panels of 8 */
  size_t row;            /* floats from one column of values to the next */
  size_t plain_row;      /* and from one feature to the next of `plain` */
  float *t, *lately;     /* [width][row]: column c, feature i; settled and what came lately */
  float *plain;          /* [features][plain_row]: the settled ones with features in rows; NULL where nobody asks for it */
  float *z, *z_lately;   /* [row] */
  float *keep, *move;    /* [row], of settle.h */
} running;

/* Sizes; points at the arrays from base on (when given). Returns the floats. */
uint64_t running_layout(running *r, size_t d_f, size_t d_v, int with_plain, float *base);

void running_clear(running *r);

/* Multiplies feature i by exp(due[i]), due of [row up to whole vectors]. */
void running_move(running *r, const float *due);

/* Adds Σ_t features_tᵀ·values_t, rows `features_stride` and `values_stride` apart, or subtracts it. `plain` does not follow. */
void running_add(running *r, const float *features, size_t features_stride, const float *values, size_t values_stride, size_t tokens, float sign);

/* Adds x [d_f up to whole vectors] to z. */
void running_add_sum(running *r, const float *x);

/* Has `plain` follow. */
void running_transpose(running *r);

/* S [d_f][d_v] and z [d_f], each NULL for 0, in and out, times a factor. */
void running_read(running *r, const float *s, const float *z, float factor);
void running_write(const running *r, float *s, float *z, float factor);

/* Floats of a copy, t and then z as they are settled; out and in. */
static inline size_t running_floats(const running *r) { return (r->width + 1) * r->row; }
void running_keep(const running *r, float *copy);
void running_restore(running *r, const float *copy);

/* into[i] = Σ_c t[c][i]·r->t[c][i] + z[i]·r->z[i]: t and z of a matrix of the same sizes. */
void running_products(const float *t, const float *z, const running *r, float *into);

#endif
