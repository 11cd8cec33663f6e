/* One head's state while whole sequences run through it: S in panels of eight columns, as the kernels want it. */
#ifndef LA_PANELS_H
#define LA_PANELS_H

#include "linear/settle.h"
#include "linear/state.h"

/* Element (i, c) of panel n is the sum of s[(n·d_fp + i)·row + c] and of what lies `lately` floats further on: in one line
 * with it for the recurrence, which reads both (7 % faster so), apart for products, which read what is settled. */
typedef struct {
  float *s;
  size_t row, lately;
  float *z;            /* [2][d_fp]: settled, lately */
  size_t first, panels; /* columns from first·8 on */
  float exponent;      /* S and z are to be multiplied by exp of it; −∞ while nothing was seen; 0 of maps that are not scaled */
  float *powers;       /* [d_fp]: row i of S and z_i are to be multiplied by 2^powers[i] */
  float *fold;         /* [d_fp] if wide, else one for all: decay since S and z were settled, that tokens are brought to */
  int wide;
  float *due;          /* [d_fp]: what settling multiplies by, in natural logarithm */
  float *held;         /* [d_fp], of ratio.h */
  float *keep, *move;  /* [d_fp] of settle.h */
  size_t since;        /* tokens that were added since S was settled */
} panel_state;

/* Points at the arrays of a state of so many panels; returns its floats. Interleaved: see above. */
uint64_t panels_layout(const linear_call *call, panel_state *p, size_t first, size_t panels, int interleaved, float *base);

/* All of the kept state, the tokens that wait included; zeros where none is kept. */
void panels_load(const linear_call *call, panel_state *p, size_t batch, size_t state_head);
/* Back, settled: the panels; and z, exponent, powers, and that no token waits. */
void panels_store(const linear_call *call, panel_state *p, size_t batch, size_t state_head);
void panels_store_sum(const linear_call *call, panel_state *p, size_t batch, size_t state_head);

/* Takes S and z along by `due`, and settles them. */
void panels_settle(const linear_call *call, panel_state *p);

/* Has due take what an earlier call left and this one does not know: powers without ratio.h, a fold without decay. Whether
 * there was any. */
int panels_leftovers(const linear_call *call, panel_state *p);

/* keep and move of all features from due. */
void panels_coefficients(const linear_call *call, panel_state *p);

#endif
