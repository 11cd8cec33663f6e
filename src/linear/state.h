/* Between the caller's state and what the kernels run on: S in panels of columns. */
#ifndef LA_STATE_H
#define LA_STATE_H

#include "linear/call.h"

/* One head's state: panels of S from `first` on, [panels][d_fp][width], and z [d_fp], padding 0, both to be multiplied by
 * exp(exponent), which is −∞ while nothing was seen; 0 for maps that are not scaled. S is a copy, or the caller's own (one
 * panel). */
typedef struct {
  float *s, *z;
  size_t width, first, panels;
  float exponent;
  float lowered; /* by how much the exponent fell at the first of the tokens mapped last, whose decay makes up for it */
  /* Of ratios alone (ratio.h), [d_fp] each: */
  float *powers; /* row i of S and z_i are to be multiplied by 2^powers[i] */
  float *repaid; /* by how much, in natural logarithm, powers fell before the first of the tokens mapped last */
  float *kept;   /* power of two of z_i after those tokens, about; −∞ where it is 0 */
} panel_state;

enum { RATIO_ARRAYS = 3 };

/* Floats of the arrays that ratios need, and where they lie from base (when given) on. */
size_t ratio_floats(const linear_call *call, panel_state *p, float *base);

/* The caller's S of one head; NULL where none is kept. */
float *state_of(const linear_call *call, size_t batch, size_t kv_head);

void state_load(const linear_call *call, panel_state *p, size_t batch, size_t kv_head);
void state_store(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head);
/* The two halves of it: the panels, and z with the exponent. */
void state_store_panels(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head);
void state_store_sum(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head);

/* x·2^power, exactly where the result is a normal number; 0 stays 0. */
float times_power(float x, float power);

/* Row i of S and z_i are from now on kept divided by a power higher by so much. */
void state_raise_row(const linear_call *call, panel_state *p, size_t i, float by);

/* S and z times factor. */
void state_scale(const linear_call *call, panel_state *p, float factor);

#endif
