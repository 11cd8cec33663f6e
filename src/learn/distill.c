/* A step of distilling: checks the call and shares its heads out. */
#include <math.h>

#include "base/arguments.h"
#include "base/scratch.h"
#include "learn/distill_head.h"
#include "learn/map_gradient.h"
#include "threads/parallel.h"

typedef struct {
  distill_call call;
  float *scratch;
  uint64_t floats;
  weight_sums sums;
} distill_work;

static void run_item(void *context, size_t slot, size_t item) {
  const distill_work *work = context;
  const la_distill_args *a = work->call.args;
  float *base = work->scratch + slot * work->floats;
  distill_head h;
  distill_layout(&work->call, &h, base);
  h.call = &work->call;
  h.slot = slot;
  h.k_head = item;
  h.query_weights = weights_of_head(item * work->call.group, (size_t)a->heads, a->map.query_heads);
  h.key_weights = weights_of_head(item, (size_t)a->kv_heads, a->map.key_heads);
  h.sums = weight_sums_of(&work->sums, item, item * work->call.group, item);
  a->squares[item] = distill_head_step(&h);
}

static int is_valid(const la_distill_args *a) {
  if (!sizes_are_valid(1, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, a->value_dim) || a->heads < 1 || a->n_q < 1 || a->n_k < 1) return 0;
  if ((a->causal && a->n_q != a->n_k) || !isfinite(a->eps) || a->eps < 0.0f) return 0;
  if (!a->q.data || !a->k.data || !a->v.data || !a->target.data || !a->weights || !a->squares) return 0;
  const map_entry *map = map_find(&a->map);
  int follows = (a->map.query_heads == 1 || a->map.query_heads == a->kv_heads) && (a->map.key_heads == 1 || a->map.key_heads == a->kv_heads);
  return map && map->columns && !map->random && a->map.dim == a->dim && follows;
}

int32_t la_distill(const la_distill_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  size_t heads = (size_t)args->kv_heads;
  distill_work work = {.call = {.args = args, .map = map_find(&args->map), .n_q = (size_t)args->n_q, .n_k = (size_t)args->n_k, .d = (size_t)args->dim, .d_v = (size_t)args->value_dim, .group = (size_t)args->heads / heads}};
  distill_call *call = &work.call;
  call->d_f = (size_t)call->map->features(&args->map);
  call->row = round_up(call->d_f, 8) + 8;
  call->width = round_up(call->d_v, 8);
  call->columns = map_columns(&args->map);
  call->learns = args->d_map.query_weights || args->d_map.query_bias || args->d_map.key_weights || args->d_map.key_bias;
  distill_head h;
  size_t slots = parallel_slots((uint64_t)args->heads * (call->n_q + call->n_k) * call->d_f * (call->d_v + call->d) * 3);
  work.floats = (distill_layout(call, &h, NULL) + 15) / 16 * 16; /* in 64 bits, which alloc_floats looks at */
  int32_t status = weight_sums_start(&work.sums, &args->map, &args->d_map, heads, heads, (size_t)args->heads, heads);
  if (status != LA_OK) return status;
  work.scratch = alloc_floats(slots * work.floats);
  status = LA_OUT_OF_MEMORY;
  if (work.scratch) {
    zero_floats(work.scratch, (size_t)(slots * work.floats)); /* padding is read */
    status = in_parallel(slots, 0, heads, run_item, &work);
  }
  la_free(work.scratch);
  weight_sums_end(&work.sums, status == LA_OK);
  return status;
}
