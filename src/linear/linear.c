/* Linear attention: checks the call, then picks the form of the same numbers that is fastest for its sizes. */
#include <float.h>
#include <math.h>

#include "base/arguments.h"
#include "base/span.h"
#include "linear/absorb.h"
#include "linear/causal.h"
#include "linear/full.h"
#include "linear/state.h"
#include "linear/step.h"
#include "maps/feature_map.h"
#include "threads/parallel.h"

static int gate_is_valid(la_gate gate, const la_linear_args *a, int32_t state_heads) {
  return !gate.data || (a->causal && gate.heads >= 1 && (uint32_t)state_heads % gate.heads == 0);
}

static int32_t state_heads_of(const la_linear_args *a) { return a->k_heads > a->v_heads ? a->k_heads : a->v_heads; }

static int heads_are_valid(const la_linear_args *a) {
  if (a->q_heads < 1 || a->k_heads < 1 || a->v_heads < 1) return 0;
  if (a->heads % a->q_heads != 0 || a->heads % state_heads_of(a) != 0) return 0;
  return state_heads_of(a) % a->k_heads == 0 && state_heads_of(a) % a->v_heads == 0;
}

/* Whether rows of the batch that share a row of the arrays follow one another from its first token to its last. */
static int rows_are_packed(const la_linear_args *a) {
  if (a->packed < 0) return 0;
  if (a->packed <= 1) return 1;
  if (!a->starts || a->batch % a->packed != 0) return 0;
  for (int32_t b = 0; b < a->batch; b++) {
    int is_first = b % a->packed == 0, is_last = (b + 1) % a->packed == 0;
    if (a->starts[b] != (is_first ? 0 : a->starts[b - 1] + a->key_lengths[b - 1])) return 0;
    if (is_last && a->starts[b] + a->key_lengths[b] != a->n_k) return 0;
  }
  return 1;
}

/* Key lengths, and where rows start. */
static int rows_are_valid(const la_linear_args *a) {
  if (!key_lengths_are_valid(a->key_lengths, a->batch, a->n_k)) return 0;
  if (a->starts && (!a->key_lengths || a->n_q != a->n_k)) return 0;
  for (int32_t b = 0; a->starts && b < a->batch; b++)
    if (a->starts[b] < 0 || a->starts[b] > a->n_k - a->key_lengths[b]) return 0;
  return rows_are_packed(a);
}

static int is_valid(const la_linear_args *a) {
  int32_t state_heads = state_heads_of(a);
  if (!heads_are_valid(a) || !sizes_are_valid(a->batch, a->heads, state_heads, a->n_q, a->n_k, a->dim, a->value_dim)) return 0;
  if (a->causal && a->n_q != a->n_k) return 0;
  if (a->n_q > 0 && !a->q.data && (a->out.data || !a->state)) return 0;
  if (a->n_k > 0 && (!a->k.data || !a->v.data)) return 0;
  if (!isfinite(a->scale) || !isfinite(a->eps) || a->eps < 0.0f) return 0;
  for (int32_t b = 0; a->positions && b < a->batch; b++)
    if (a->positions[b] < 0) return 0;
  if (!rows_are_valid(a)) return 0;
  const map_entry *map = map_find(&a->map);
  if (!map || a->map.dim != a->dim || (a->state && la_state_floats(map->features(&a->map), a->value_dim) == 0)) return 0;
  return gate_is_valid(a->decay, a, state_heads) && gate_is_valid(a->beta, a, state_heads) &&
         gate_is_valid(a->write_gate, a, state_heads);
}

/* Whether an element that counts is above the limit or not a number: it would stay in the state for good. */
static int gate_is_above(const linear_call *call, la_gate g, float limit) {
  if (!g.data) return 0;
  size_t width = g.channel ? call->d_f : 1;
  for (size_t b = 0; b < call->batch; b++) {
    if (g.batch && call->args->starts && tokens_of(call, b) == 0) continue;
    size_t rows = g.row ? keys_in(call->args->key_lengths, b, call->n_k) : 1;
    for (size_t h = 0; h < g.heads; h++) {
      const float *head = g.data + array_row_of(call, b) * g.batch + h * g.head + start_of(call, b) * g.row;
      if (rows > 1 && g.row == width) {
        if (span_is_above(head, rows * width, limit)) return 1;
        continue;
      }
      for (size_t t = 0; t < rows; t++)
        if (span_is_above(head + t * g.row, width, limit)) return 1;
    }
  }
  return 0;
}

/* Threads take whole streams where that keeps nine tenths of them busy: then none waits for another. */
static void spread(linear_call *call) {
  uint64_t streams = (uint64_t)call->batch * call->state_heads;
  call->slots = parallel_slots((uint64_t)(call->batch / call->packed) * call->heads * (call->n_q + call->n_k) * call->d_f * call->d_v);
  call->whole = fills_slots(streams, call->slots);
}

/* See ratio.h. */
static int is_ratio(const la_linear_args *a) { return a->normalize && a->eps == 0.0f && (a->state || a->decay.data); }

/* One token, whose state is updated where it lies. */
static int is_step(const la_linear_args *a) { return a->n_q == 1 && a->n_k == 1 && a->state && (!a->key_lengths || a->starts); }

static int is_empty(const la_linear_args *a) { return a->batch == 0 || a->heads == 0 || (a->n_q == 0 && a->n_k == 0); }

/* Without results a call is made for the state. */
static int has_out(const la_linear_args *a) { return a->n_q == 0 || a->out.data || a->state; }

uint32_t la_linear_items(const la_linear_args *args) {
  if (!args || !is_valid(args) || !has_out(args) || is_empty(args)) return 0;
  return is_step(args) ? 1 : (uint32_t)args->batch * (uint32_t)state_heads_of(args);
}

/* What is no token of its row gives 0. Packed rows leave out none. */
static void blank_results(const linear_call *call) {
  const la_linear_args *a = call->args;
  for (size_t b = 0; a->starts && a->out.data && call->packed == 1 && b < call->batch; b++) {
    size_t start = start_of(call, b), end = start + queries_of(call, b);
    for (size_t h = 0; h < call->heads; h++)
      for (size_t t = 0; t < call->n_q; t++)
        if (t < start || t >= end) zero_floats(array_at(a->out, b, h, t), call->d_v);
  }
}

static int32_t run(linear_call *call) {
  const la_linear_args *a = call->args;
  if (is_step(a)) return items_asked(a->first, a->count, 1) ? linear_step(call) : LA_OK;
  spread(call);
  if (a->causal && a->out.data) return linear_causal(call);
  return call->gated || call->delta || a->write_gate.data ? linear_absorb(call) : linear_full(call);
}

int32_t linear_call_of(const la_linear_args *args, linear_call *call) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  const map_entry *map = map_find(&args->map);
  size_t d_f = (size_t)map->features(&args->map), d_fp = round_up(d_f, 4);
  *call = (linear_call){
      .args = args,
      .map = map,
      .batch = (size_t)args->batch,
      .heads = (size_t)args->heads,
      .state_heads = (size_t)state_heads_of(args),
      .group = (size_t)(args->heads / state_heads_of(args)),
      .packed = args->packed > 1 ? (size_t)args->packed : 1,
      .n_q = (size_t)args->n_q,
      .n_k = (size_t)args->n_k,
      .d = (size_t)args->dim,
      .d_v = (size_t)args->value_dim,
      .d_vp = round_up((size_t)args->value_dim, STATE_PANEL),
      .d_f = d_f,
      .features = d_f,
      .d_fp = d_fp,
      .stride = d_fp <= SHORT_FEATURES ? SHORT_STRIDE : d_fp + 16,
      .gated = args->decay.data != NULL,
      .delta = args->beta.data != NULL,
      .rows = args->decay.data && args->beta.data ? 3 : 2,
      .ratio = !map->scaled && is_ratio(args),
      .slots = 1,
  };
  if (is_empty(args)) return LA_OK;
  if (gate_is_above(call, args->decay, args->allow_growth ? LA_MAX_GROWTH : 0.0f) || gate_is_above(call, args->beta, FLT_MAX) ||
      gate_is_above(call, args->write_gate, FLT_MAX))
    return LA_INVALID_GATE;
  return LA_OK;
}

int32_t la_linear(const la_linear_args *args) {
  linear_call call;
  if (!args || !has_out(args)) return LA_INVALID_ARGUMENT;
  int32_t status = linear_call_of(args, &call);
  if (status != LA_OK || is_empty(args)) return status;
  status = run(&call);
  if (status == LA_OK) blank_results(&call);
  return status;
}
