/* Normalised sums without eps are ratios: decay may take S and z of a feature below float32's range, and the ratio stays
 * what it was. So row i of S and z_i are kept divided by 2^powers[i], which follows them down, and up again with a key. */
#ifndef LA_RATIO_H
#define LA_RATIO_H

#include "linear/panels.h"

/* As take_keys, of mapped keys. */
size_t ratio_take_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t state_head, size_t t, size_t count, int *changed);

void ratio_bring_keys(const linear_call *call, feature_rows f, const panel_state *p, size_t count);

/* Multiplies the features of queries by those powers, all of a query by one factor more, of which no ratio depends. */
void ratio_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t count);

/* Notes which features of z hold anything: for queries that follow no key of take_keys. */
void ratio_hold(const linear_call *call, panel_state *p);

/* Whether S and z are the plain sums. */
int ratio_is_plain(const linear_call *call, const panel_state *p);

#endif
