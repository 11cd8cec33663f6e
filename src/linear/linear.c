/* Linear attention: checks the call, then picks the form of the same numbers that is fastest for its sizes. */
#include "linear/linear.h"
#include "base/span.h"

#include <math.h>

static int gate_is_valid(la_gate gate, const la_linear_args *a) { return !gate.data || a->causal; }

static int is_valid(const la_linear_args *a) {
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, a->value_dim)) return 0;
  if (a->causal && a->n_q != a->n_k) return 0;
  if (a->n_q > 0 && (!a->q.data || !a->out.data)) return 0;
  if (a->n_k > 0 && (!a->k.data || !a->v.data)) return 0;
  if (a->state && a->normalize && !a->key_sum) return 0;
  if (!isfinite(a->scale) || !isfinite(a->eps) || a->eps < 0.0f || a->position < 0) return 0;
  const map_entry *map = map_find(&a->map);
  if (!map || a->map.dim != a->dim || (a->state && map->scaled && !a->exponents)) return 0;
  return gate_is_valid(a->decay, a) && gate_is_valid(a->beta, a) && gate_is_valid(a->strength, a) && key_lengths_are_valid(a->key_lengths, a->batch, a->n_k);
}

/* NaN passes, since NaN inputs are allowed. */
static int has_decay_above(const linear_call *call, float limit) {
  la_gate g = call->args->decay;
  if (!g.data) return 0;
  size_t width = g.channel ? call->d_f : 1;
  for (size_t b = 0; b < call->batch; b++) {
    size_t rows = g.row ? keys_in(call->args->key_lengths, b, call->n_k) : 1;
    for (size_t h = 0; h < call->kv_heads; h++) {
      const float *head = g.data + b * g.batch + h * g.head;
      if (rows > 1 && g.row == width) {
        if (span_max(head, rows * width, 1.0f) > limit) return 1;
        continue;
      }
      for (size_t t = 0; t < rows; t++)
        if (span_max(head + t * g.row, width, 1.0f) > limit) return 1;
    }
  }
  return 0;
}

/* Threads take whole streams where that keeps nine tenths of them busy: then none waits for another. */
static void spread(linear_call *call) {
  uint64_t streams = (uint64_t)call->batch * call->kv_heads;
  call->slots = parallel_slots((uint64_t)call->batch * call->heads * (call->n_q + call->n_k) * call->d_f * call->d_v);
  call->whole = fills_slots(streams, call->slots);
}

static void run_item(void *context, size_t slot, size_t item) {
  const linear_work *work = context;
  size_t stream = item / work->parts, heads = work->call->kv_heads;
  work->run(work, slot, stream / heads, stream % heads, item % work->parts);
}

/* Between the scratch of two threads: what one reads ahead of its end must not be lines that the other writes. */
enum { APART = 4096 };

int32_t linear_each_stream(const linear_work *given) {
  linear_work work = *given;
  if (work.across > 1) work.floats = round_up((size_t)work.floats, 16) + APART;
  work.scratch = alloc_floats(work.across * work.floats);
  if (!work.scratch) return LA_OUT_OF_MEMORY;
  int32_t status = in_slices(work.across, work.call->batch * work.call->kv_heads, work.parts, run_item, &work);
  la_free(work.scratch);
  return status;
}

int32_t la_linear(const la_linear_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  if (args->heads == 0 || (args->n_q == 0 && args->n_k == 0)) return LA_OK;
  const map_entry *map = map_find(&args->map);
  size_t d_f = (size_t)map->features(&args->map), d_fp = round_up(d_f, 4);
  linear_call call = {
      .args = args,
      .map = map,
      .batch = (size_t)args->batch,
      .heads = (size_t)args->heads,
      .kv_heads = (size_t)args->kv_heads,
      .group = (size_t)(args->heads / args->kv_heads),
      .n_q = (size_t)args->n_q,
      .n_k = (size_t)args->n_k,
      .d = (size_t)args->dim,
      .d_v = (size_t)args->value_dim,
      .d_f = d_f,
      .features = d_f,
      .d_fp = d_fp,
      .stride = d_fp <= LA_MAX_DIM ? SHORT_STRIDE : d_fp + 16,
      .gated = args->decay.data != NULL,
      .delta = args->beta.data != NULL,
  };
  if (has_decay_above(&call, args->allow_growth ? LA_MAX_GROWTH : 0.0f)) return LA_POSITIVE_DECAY;
  if (args->n_q == 1 && args->n_k == 1 && args->state && !args->key_lengths) return linear_step(&call);
  spread(&call);
  return args->causal ? linear_causal(&call) : linear_full(&call);
}
