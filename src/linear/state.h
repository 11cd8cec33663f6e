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
} panel_state;

/* The caller's S of one head; NULL where none is kept. */
float *state_of(const linear_call *call, size_t batch, size_t kv_head);

void state_load(const linear_call *call, panel_state *p, size_t batch, size_t kv_head);
void state_store(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head);
/* The two halves of it: the panels, and z with the exponent. */
void state_store_panels(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head);
void state_store_sum(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head);

/* S and z times factor. */
void state_scale(const linear_call *call, panel_state *p, float factor);

#endif
