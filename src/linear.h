/* What the forms of linear attention share: sizes worked out once, scratch, and the normaliser. */
#ifndef LA_LINEAR_H
#define LA_LINEAR_H

#include "feature_map.h"
#include "parallel.h"
#include "rows.h"

typedef struct {
  const la_linear_args *args;
  const map_entry *map;
  size_t batch, heads, kv_heads, group; /* group: query heads per key head */
  size_t n_q, n_k, d, d_v;
  size_t d_f, d_fp; /* features, and rounded up to whole vectors */
  size_t across, within; /* threads that share the streams, and those that share each stream; one of them is 1 */
} linear_call;

/* The three forms of the same numbers. LA_OK or LA_OUT_OF_MEMORY, and then nothing is written. */
int32_t linear_full(const linear_call *call);
int32_t linear_causal(const linear_call *call);
int32_t linear_step(const linear_call *call);

/* Runs every stream, a key head of one batch with its query heads, on `across` threads; scratch of `floats` zeros each. */
typedef void (*linear_stream)(const linear_call *call, float *scratch, size_t batch, size_t kv_head);
int32_t linear_each_stream(const linear_call *call, uint64_t floats, linear_stream run);

/* A copy of S in panels of `width` columns, [panels][d_fp][width], and of z [d_fp]; padding 0. */
typedef struct {
  float *s, *z;
  size_t width, panels;
} panel_state;

static inline float *state_of(const linear_call *call, size_t batch, size_t kv_head) {
  return call->args->state ? call->args->state + (batch * call->kv_heads + kv_head) * call->d_f * call->d_v : NULL;
}

static inline float *key_sum_of(const linear_call *call, size_t batch, size_t kv_head) {
  return call->args->key_sum ? call->args->key_sum + (batch * call->kv_heads + kv_head) * call->d_f : NULL;
}

static inline void state_load(const linear_call *call, panel_state p, size_t batch, size_t kv_head) {
  const float *s = state_of(call, batch, kv_head), *z = key_sum_of(call, batch, kv_head);
  zero_floats(p.s, call->d_fp * p.width * p.panels);
  zero_floats(p.z, call->d_fp);
  if (z && call->args->normalize) memcpy(p.z, z, call->d_f * sizeof *z);
  for (size_t c = 0; s && c < call->d_v; c += p.width)
    copy_rows(p.s + c * call->d_fp, p.width, s + c, call->d_v, call->d_f, smaller(p.width, call->d_v - c));
}

static inline void state_store(const linear_call *call, panel_state p, size_t batch, size_t kv_head) {
  float *s = state_of(call, batch, kv_head), *z = key_sum_of(call, batch, kv_head);
  if (z && call->args->normalize) memcpy(z, p.z, call->d_f * sizeof *z);
  for (size_t c = 0; s && c < call->d_v; c += p.width)
    for (size_t i = 0; i < call->d_f; i++)
      memcpy(s + i * call->d_v + c, p.s + c * call->d_fp + i * p.width, smaller(p.width, call->d_v - c) * sizeof *s);
}

/* What multiplies Sᵀφ(q), given φ(q)·z; 0 where nothing was seen and eps is 0. */
static inline float output_factor(const linear_call *call, float q_dot_z) {
  float scale = call->args->scale;
  if (!call->args->normalize) return scale;
  float normalizer = scale * q_dot_z + call->args->eps;
  return normalizer == 0.0f ? 0.0f : scale / normalizer;
}

static inline void map_apply(const linear_call *call, const float *x, size_t x_stride, size_t rows, float *out) {
  call->map->apply(&call->args->map, (map_rows){x, out, rows, x_stride, call->d_fp});
}

#endif
