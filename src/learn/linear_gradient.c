/* Gradients of linear attention: checks the call and shares it out.
 *
 * Heads that share q, k or v belong together: an item is a batch with one such set of heads, and adds up in one order what its
 * heads share. What the weights of maps get is added up an item by itself and then in order, so that threads change no bit. */
#include "base/arguments.h"
#include "base/scratch.h"
#include "learn/causal_gradient.h"
#include "learn/full_gradient.h"
#include "learn/map_gradient.h"
#include "threads/parallel.h"

typedef struct {
  const linear_call *call;
  const la_linear_gradient_args *args;
  size_t sets;   /* of heads that share nothing */
  float *scratch;
  uint64_t floats;
  weight_sums sums;
} gradient_work;

static size_t common_divisor(size_t a, size_t b) {
  while (b > 0) {
    size_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static size_t sets_of(const linear_call *call) {
  const la_linear_args *a = call->args;
  size_t sets = common_divisor(common_divisor((size_t)a->q_heads, (size_t)a->k_heads), (size_t)a->v_heads);
  if (a->map.query_heads > 1) sets = common_divisor(sets, (size_t)a->map.query_heads);
  return a->map.key_heads > 1 ? common_divisor(sets, (size_t)a->map.key_heads) : sets;
}

static int has_elements(la_array x, size_t count) { return count == 0 || x.data; }

static int is_valid(const la_linear_gradient_args *g, const linear_call *call) {
  const la_linear_args *a = g->forward;
  int maps = g->d_map.query_weights || g->d_map.query_bias || g->d_map.key_weights || g->d_map.key_bias;
  int states = a->state || g->state_gradient || g->sum_gradient || g->d_state || g->d_sum;
  if (a->first || a->count || a->write_gate.data || !has_elements(a->q, call->n_q) || !has_elements(g->out_gradient, call->n_q)) return 0;
  if (!map_has_gradient(&a->map)) return 0;
  if (maps && (!call->map->columns || call->map->random)) return 0;
  if (states && a->map.epsilon > 0.0f) return 0;
  return (!g->d_decay || call->gated) && (!g->d_beta || call->delta);
}

/* Floats of a state head's gradient of decay and of beta. */
static size_t decay_floats(const linear_call *call) { return (call->args->decay.row ? call->n_k : 1) * (call->args->decay.channel ? call->d_f : 1); }
static size_t beta_floats(const linear_call *call) { return call->args->beta.row ? call->n_k : 1; }

static void zero_gate(float *all, size_t b, size_t heads, size_t first, size_t count, size_t floats) {
  if (all) zero_floats(all + (b * heads + first) * floats, count * floats);
}

/* Rows of x that are none of the batch row's tokens, of `count` heads from `first` on. */
static void zero_outside(const linear_call *call, la_array x, size_t b, size_t first, size_t count, size_t width) {
  size_t start = start_of(call, b), end = start + tokens_of(call, b);
  for (size_t h = first; x.data && h < first + count; h++)
    for (size_t t = 0; t < call->n_k; t++)
      if (t < start || t >= end) zero_floats(array_at(x, b, h, t), width);
}

static void run_item(void *context, size_t slot, size_t item) {
  const gradient_work *work = context;
  const linear_call *call = work->call;
  const la_linear_args *a = call->args;
  size_t b = item / work->sets, set = item % work->sets, states = call->state_heads / work->sets;
  size_t q_heads = (size_t)a->q_heads / work->sets, k_heads = (size_t)a->k_heads / work->sets, v_heads = (size_t)a->v_heads / work->sets;
  float *base = work->scratch + slot * work->floats;
  gradient_stream s;
  causal_memory m;
  uint64_t floats = stream_layout(call, &s, base);
  if (a->causal) causal_memory_layout(call, &m, base + floats);
  s.call = call;
  s.args = work->args;
  s.b = b;
  s.slot = slot;
  s.sums = weight_sums_of(&work->sums, item, set * q_heads, set * k_heads);
  s.query_weights = s.key_weights = SIZE_MAX; /* none yet */
  s.wants_values = work->args->dv.data != NULL;
  s.wants_maps_q = work->args->dq.data || s.sums.at.query_weights || s.sums.at.query_bias;
  s.wants_maps_k = work->args->dk.data || s.sums.at.key_weights || s.sums.at.key_bias;
  if (a->starts) {
    zero_outside(call, work->args->dq, b, set * q_heads, q_heads, call->d);
    zero_outside(call, work->args->dk, b, set * k_heads, k_heads, call->d);
    zero_outside(call, work->args->dv, b, set * v_heads, v_heads, call->d_v);
  }
  zero_gate(work->args->d_decay, b, call->state_heads, set * states, states, decay_floats(call));
  zero_gate(work->args->d_beta, b, call->state_heads, set * states, states, beta_floats(call));
  for (s.state_head = set * states; s.state_head < (set + 1) * states; s.state_head++) {
    if (a->causal) causal_gradient(&s, &m);
    else full_gradient(&s);
  }
}

static void zero_array(la_array x, size_t batch, int32_t heads, size_t rows, size_t width) {
  for (size_t b = 0; x.data && b < batch; b++)
    for (size_t h = 0; h < (size_t)heads; h++)
      for (size_t t = 0; t < rows; t++) zero_floats(array_at(x, b, h, t), width);
}

static void copy_or_zero(float *out, const float *x, size_t count) {
  if (out && x) memcpy(out, x, count * sizeof *out);
  else if (out) zero_floats(out, count);
}

/* A call whose result has no heads leaves the state as it is, and so do its gradients. */
static void without_heads(const gradient_work *work) {
  const linear_call *call = work->call;
  const la_linear_gradient_args *g = work->args;
  const la_linear_args *a = call->args;
  size_t states = call->batch * call->state_heads;
  zero_array(g->dq, call->batch, a->q_heads, call->n_q, call->d);
  zero_array(g->dk, call->batch, a->k_heads, call->n_k, call->d);
  zero_array(g->dv, call->batch, a->v_heads, call->n_k, call->d_v);
  copy_or_zero(g->d_decay, NULL, states * decay_floats(call));
  copy_or_zero(g->d_beta, NULL, states * beta_floats(call));
  copy_or_zero(g->d_state, g->state_gradient, states * call->d_f * call->d_v);
  copy_or_zero(g->d_sum, g->sum_gradient, states * call->d_f);
}

int32_t la_linear_gradient(const la_linear_gradient_args *args) {
  linear_call call;
  if (!args || !args->forward) return LA_INVALID_ARGUMENT;
  int32_t status = linear_call_of(args->forward, &call);
  if (status != LA_OK) return status;
  if (!is_valid(args, &call)) return LA_INVALID_ARGUMENT;
  call.ratio = 0;
  gradient_work work = {.call = &call, .args = args, .sets = sets_of(&call)};
  size_t items = call.batch * work.sets;
  size_t slots = parallel_slots((uint64_t)call.batch * call.heads * (call.n_q + call.n_k) * call.d_f * call.d_v * 3);
  gradient_stream s;
  causal_memory m;
  work.floats = (stream_layout(&call, &s, NULL) + (args->forward->causal ? causal_memory_layout(&call, &m, NULL) : 0) + 15) / 16 * 16;
  status = weight_sums_start(&work.sums, &call.args->map, &args->d_map, work.sets, items, (size_t)args->forward->q_heads, (size_t)args->forward->k_heads);
  if (status != LA_OK) return status;
  work.scratch = alloc_floats(slots * work.floats);
  if (!work.scratch) status = LA_OUT_OF_MEMORY;
  else if (call.heads == 0) without_heads(&work);
  else status = in_parallel(slots, 0, items, run_item, &work);
  la_free(work.scratch);
  weight_sums_end(&work.sums, status == LA_OK);
  return status;
}
