#include "learn/causal_memory.h"

#include "base/scratch.h"

#ifndef SEGMENT_FLOATS /* that of tests is smaller, so that sequences which are not long have several segments */
#define SEGMENT_FLOATS (3 << 18) /* 3 MB of states: no second pass up to some 5000 tokens of 64 × 64 */
#endif

uint64_t causal_memory_layout(const linear_call *call, causal_memory *m, float *base) {
  running sizes_of;
  running_layout(&sizes_of, call->d_f, call->d_v, 0, NULL);
  size_t n = call->n_k, keeps = (size_t)keeps_states(call), side = 1;
  while (side * side < n || (uint64_t)side * running_floats(&sizes_of) < SEGMENT_FLOATS) side++;
  side = smaller(side, n);
  m->blocks = keeps ? side : n;
  m->segments = keeps ? n > 0 ? (n + side - 1) / side : 0 : 0;
  m->tokens = keeps ? smaller(n, side * BLOCK) : n;
  float *records = NULL, *segment_records = NULL, **arrays[] = {&m->factors, &m->d_decay, &m->recalled, &m->states, &m->due, &m->starts, &m->folds, &m->from, &m->to, &m->next, &records, &segment_records};
  uint64_t state = running_floats(&sizes_of), row = sizes_of.row;
  uint64_t sizes[] = {2 * (uint64_t)call->group * m->tokens, call->gated ? (uint64_t)m->tokens * decay_width(call) : 0, call->delta ? (uint64_t)m->tokens * sizes_of.width : 0,
                      keeps * m->blocks * state, keeps * m->blocks * row, m->segments * state, m->segments * row, row, row, row,
                      (uint64_t)m->blocks * (sizeof(block_record) / sizeof(float)), (uint64_t)m->segments * (sizeof(segment_record) / sizeof(float))};
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  if (!base) return floats;
  m->records = (block_record *)(void *)records;
  m->segment_records = (segment_record *)(void *)segment_records;
  return floats;
}

void keep_start(const walk *w, size_t n, size_t t, int answers) {
  gradient_stream *s = w->s;
  w->m->segment_records[n] = (segment_record){(uint32_t)t, s->p.exponent, answers};
  running_keep(&s->s, w->m->starts + n * w->state_floats);
  memcpy(w->m->folds + n * s->s.row, s->p.fold, s->call->d_fp * sizeof(float));
}

size_t restore_start(walk *w, size_t n) {
  gradient_stream *s = w->s;
  const segment_record *segment = w->m->segment_records + n;
  running_restore(&s->s, w->m->starts + n * w->state_floats);
  memcpy(s->p.fold, w->m->folds + n * s->s.row, s->call->d_fp * sizeof(float));
  s->p.exponent = segment->exponent;
  w->answered = segment->answered;
  return segment->start;
}
