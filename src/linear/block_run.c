#include "linear/block_run.h"

/* The two tokens from u on; beside an odd last one a token of zeros. */
LA_INLINE void take_two(block_run *run, size_t u, const size_t next) {
  recurrence *r = &run->r;
  int both = u + 1 < run->tokens;
  if (u > 0) {
    r->rows += 2 * next;
    r->scores += 4;
    r->v += 2 * run->v_stride;
    r->out += 2 * run->out_stride;
    r->factors += 2;
    r->beta += 2;
  }
  r->v_next = both ? r->v + run->v_stride : run->spare;
  r->out_next = both ? r->out + run->out_stride : run->spare + 8;
}

LA_INLINE void run_linear(block_run *run, const size_t stride, const size_t next, const size_t recalled) {
  (void)recalled;
  for (size_t u = 0; u < run->tokens; u += 2) {
    take_two(run, u, next);
    recur(&run->r, stride, next);
  }
}

LA_INLINE void run_delta(block_run *run, const size_t stride, const size_t next, const size_t recalled) {
  for (size_t u = 0; u < run->tokens; u += 2) {
    take_two(run, u, next);
    recur_delta(&run->r, stride, next, recalled);
  }
}

/* One function a rule, so that each gets all registers of the engine's compiler: 4 % faster than one for all. */
#define PANEL_LOOP(name, rule, rows)                                                                                       \
  static __attribute__((noinline)) void name(block_run *run) {                                                             \
    const size_t stride = run->call->stride;                                                                               \
    if (stride == SHORT_STRIDE) rule(run, SHORT_STRIDE, (rows) * SHORT_STRIDE, (rows) == 3 ? 2 * SHORT_STRIDE : 0);        \
    else rule(run, stride, (rows) * stride, (rows) == 3 ? 2 * stride : 0);                                                 \
  }

PANEL_LOOP(panel_linear, run_linear, 2)
PANEL_LOOP(panel_delta, run_delta, 2)
PANEL_LOOP(panel_delta_gated, run_delta, 3)

void run_block(block_run *run) { (!run->call->delta ? panel_linear : run->call->gated ? panel_delta_gated : panel_delta)(run); }
