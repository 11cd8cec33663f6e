/* Feature maps inside the core: one row of a table each. */
#ifndef LA_FEATURE_MAP_H
#define LA_FEATURE_MAP_H

#include "linear_attention.h"

/* Rows to map. Row r of x starts at x + r·x_stride and has map->dim floats; row r of out has `features` floats. */
typedef struct {
  const float *x;
  float *out;
  size_t rows, x_stride, out_stride;
  size_t head;      /* of the weights */
  size_t position;  /* of row 0 in its sequence, from 0 */
  int as_key;       /* else as query */
  float *exponents; /* [rows], written by scaled maps: φ(x_r) = out_r·exp(exponents[r]); other maps leave it alone */
} map_rows;

typedef void map_function(const la_feature_map *map, map_rows rows);

typedef struct {
  int32_t (*features)(const la_feature_map *map); /* 0 when its fields make no valid map */
  map_function *apply;
  int elementwise;                               /* feature i comes from element i alone, and there are dim of them */
  int scaled;                                    /* φ may overflow: it comes with exponents, and for keys without epsilon */
  int32_t (*columns)(const la_feature_map *map); /* of W in xW; NULL: the map has no weights */
  int needs_weights;                             /* else W is the identity where none are given and columns are dim */
  int random;                                    /* W is given as rows ω, for x·dim^(−1/4) */
} map_entry;

/* The number of the weights that a head out of `heads` has, where there are `weights` of them. */
static inline size_t weights_of_head(size_t head, size_t heads, int32_t weights) { return head * (size_t)weights / heads; }

/* NULL when the map is not valid. */
const map_entry *map_find(const la_feature_map *map);

/* The same map with one head of weights: that of query head and of key head, out of so many. */
la_feature_map map_of_head(const la_feature_map *map, size_t query_head, size_t query_heads, size_t key_head, size_t key_heads);

/* What epsilon adds to every feature of a key, relative to the largest exponent of the keys; 0 for most maps. */
float map_key_floor(const la_feature_map *map);

map_function apply_elu, apply_relu, apply_identity;            /* elementwise.c */
map_function apply_favor, apply_rff;                           /* random_features.c */
map_function apply_dpfp, apply_taylor;                         /* polynomial.c */
map_function apply_hedgehog, apply_learned, apply_learned_exp; /* learned.c */
map_function apply_cosformer;                                  /* cosformer.c */

#endif
