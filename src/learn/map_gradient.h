/* Gradients of the feature maps: from that of φ(x) to those of x and of the weights. One row of a table each, as in
 * maps/feature_map.h, whose table is the core's and knows nothing of learning. */
#ifndef LA_MAP_GRADIENT_H
#define LA_MAP_GRADIENT_H

#include "learn/weight_sums.h"
#include "maps/feature_map.h"

enum { GRADIENT_ROWS = 32 }; /* rows at once, at most */

/* Rows of one head. Of scaled maps `features` may have a factor a row, whose inverse `gradient` then has. */
typedef struct {
  const la_feature_map *map;
  const float *x;         /* row r at x + r·x_stride */
  const float *features;  /* φ(x) */
  float *gradient;        /* of φ(x); overwritten */
  size_t rows, x_stride, features_stride, gradient_stride;
  size_t position;        /* of row 0, from 0 */
  float floor;            /* that epsilon added to each feature */
  const float *transposed; /* [columns][weights_row]: Wᵀ, as transpose_weights gives it */
  float *dx;              /* rows dx_stride apart; NULL: not wanted */
  size_t dx_stride;
  int is_first;           /* dx is written, else added to */
  float *d_weights, *d_bias; /* added to, [dim][columns up to whole panels of 8] and [columns up to 8]; NULL: not wanted */
  float *y;               /* [GRADIENT_ROWS][y_stride]: scratch of maps with weights */
} map_gradient;

/* Whether the map has a row in the table. */
int map_has_gradient(const la_feature_map *map);

/* Writes dx or adds to it, and adds to d_weights and d_bias. */
void apply_map_gradient(const map_gradient *g);

/* Columns of W, 0 of maps without. */
size_t map_columns(const la_feature_map *map);

static inline size_t weights_row(const la_feature_map *map) { return ((size_t)map->dim + 7) / 8 * 8; }

/* Wᵀ of the head of that number, [columns][weights_row], padding 0; the identity where there are no weights. */
void transpose_weights(const la_feature_map *map, int as_key, size_t number, float *out);

/* Points a role's gradients at those of the head of that number. */
void point_at_sums(map_gradient *g, const item_sums *sums, int as_key, size_t number);

/* Adds d(xW + b) = y to dx, d_weights, d_bias. */
void affine_gradient(const map_gradient *g, size_t columns);

/* Floats from one row of y to the next. */
static inline size_t y_stride(size_t columns) { return (columns + 7) / 8 * 8 + 8; }

/* Maps that are not elementwise find zeros in dx where it is to be written. */
typedef void map_gradient_function(const map_gradient *g);

map_gradient_function elu_gradient, relu_gradient, identity_gradient, cosformer_gradient; /* elementwise_gradient.c */
map_gradient_function dpfp_gradient, taylor_gradient;                                     /* polynomial_gradient.c */
map_gradient_function favor_gradient, rff_gradient;                                       /* random_gradient.c */
map_gradient_function hedgehog_gradient, learned_gradient;                                /* weighted_gradient.c */

#endif
