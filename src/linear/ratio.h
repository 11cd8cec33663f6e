/* Normalised sums without eps are ratios: decay may take S and z of a feature below float32's range, and the ratio stays
 * what it was. So row i of S and z_i are kept divided by 2^powers[i], which follows them down, and up again with a key. */
#ifndef LA_RATIO_H
#define LA_RATIO_H

#include "linear/state.h"

/* Brings mapped keys to the powers of their features, which may change before the first of them alone: returns how many
 * tokens are ready, as map_keys does. */
size_t ratio_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t kv_head, size_t t, size_t count);

/* Multiplies the features of queries by those powers, all of a query by one factor more, of which no ratio depends. */
void ratio_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t count);

/* a[i] = exp(decay) of a token's feature, with what the powers fell by before the first token made up for. */
void ratio_decay(const linear_call *call, const panel_state *p, float *a, const float *decay, int is_first);

#endif
